import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("A configuration")
struct ConfigurationSourceTests {
  static let alice = "7fd22jhmqgfl45j6.onion"
  static let bob = "wq52ql3uxgcxqjon.onion"

  /// A directory with these files, until `body` has returned.
  func with<Result>(_ files: KeyValuePairs<String, String>, _ body: (String) throws -> Result) throws -> Result {
    let directory = try TemporaryDirectory()
    for folder in ["conf.d", "peers.d"] { try SystemCall.makeDirectory(directory.file(folder), mode: 0o755) }
    for (name, text) in files { try directory.write(name, text) }
    return try withExtendedLifetime(directory) { try body(directory.path) }
  }

  /// What a daemon is told by these files and options.
  func load(
    _ files: KeyValuePairs<String, String>, _ options: KeyValuePairs<String, String> = [:]
  ) throws -> Configuration {
    try with(files) { directory in
      var given = GivenSettings()
      for (name, text) in options {
        try given.add(#require(Setting.all.first { $0.name == name }), GivenValue(text, from: .option("--" + name)))
      }
      return try ConfigurationSource(.standard, options: given, directory: directory).load()
    }
  }

  @Test("the files are read in order, and a later one replaces a value and adds to a repeatable one")
  func order() throws {
    let configuration = try load([
      "oncilla.conf": "onion = \(ConfigurationSourceTests.alice)\nmtu = 1300\nserve = fd00:1::/64\nipv4 = yes",
      "conf.d/B.conf": "mtu = 1400\nipv4 = no", "conf.d/a.conf": "mtu = 1500\nserve = fd00:2::/64",
      "conf.d/10-x.conf": "idle = 60", "conf.d/note.txt": "nonsense", "conf.d/.hidden.conf": "nonsense",
      "peers.d/bob.conf": "[peer bob]\nname = \(ConfigurationSourceTests.bob)\nroute = fd00:3::/64",
    ])
    let names = configuration.files.map { $0.split(separator: "/").suffix(2).joined(separator: "/") }
    #expect(names.dropFirst() == ["conf.d/10-x.conf", "conf.d/B.conf", "conf.d/a.conf", "peers.d/bob.conf"])
    let daemon = configuration.settings.daemon
    #expect(daemon.interface.mtu.bytes == 1500 && daemon.idle == .seconds(60) && !daemon.ipv4)
    #expect(daemon.served.map(\.description) == ["fd00:1::/64", "fd00:2::/64"])
    #expect(daemon.peers.map(\.petname) == [Petname("bob")])
    #expect(daemon.routes.map(\.prefix.description) == ["fd00:3::/64"])
    #expect(configuration.warnings == [])
  }

  @Test("options beat files: who this host is is said anew, and other repeatable ones are added to")
  func options() throws {
    let configuration = try load(
      ["oncilla.conf": "hostname-file = /h\nlisten = 127.0.0.1:1\nmtu = 1300\nserve = fd00:1::/64\nipv4 = yes"],
      ["onion": ConfigurationSourceTests.alice, "listen": "127.0.0.1:2", "mtu": "1400", "serve": "fd00:2::/64"])
    let daemon = configuration.settings.daemon
    #expect(daemon.identities.map(\.name) == [.onion(try OnionName(ConfigurationSourceTests.alice))])
    #expect(daemon.identities.map { $0.listen.map(\.description) } == [["127.0.0.1:2"]])
    #expect(daemon.interface.mtu.bytes == 1400 && daemon.ipv4)
    #expect(daemon.served.map(\.description) == ["fd00:1::/64", "fd00:2::/64"])
  }

  @Test("a value that is wrong is wrong even where another file replaces it")
  func replaced() throws {
    let error = #expect(throws: SettingError.self) {
      try load(["oncilla.conf": "onion = \(ConfigurationSourceTests.alice)\nmtu = 12", "conf.d/a.conf": "mtu = 1300"])
    }
    #expect(error?.description.hasSuffix("/oncilla.conf:2: mtu '12': a number from 1280 to 65535 is accepted") == true)
  }

  @Test("settings of two files that exclude each other are both named, as keys")
  func conflict() throws {
    var error = #expect(throws: SettingError.self) {
      try load(["oncilla.conf": "onion = \(ConfigurationSourceTests.alice)", "conf.d/a.conf": "hostname-file = /h"])
    }
    #expect(error?.description.contains("/oncilla.conf:1: onion and ") == true)
    #expect(error?.description.contains("/conf.d/a.conf:1: hostname-file exclude each other") == true)
    error = #expect(throws: SettingError.self) {
      try load(["oncilla.conf": "onion = \(ConfigurationSourceTests.alice)\nipv4-address = 10.0.0.1/8"])
    }
    #expect(error?.description.hasSuffix("/oncilla.conf:2: ipv4-address needs ipv4") == true)
  }

  @Test("one file alone is read in place of the directory, and nothing at all says how to begin")
  func one() throws {
    try with(["oncilla.conf": "mtu = 12", "one": "onion = \(ConfigurationSourceTests.alice)"]) {
      (directory: String) throws -> Void in
      let source = ConfigurationSource(.standard, file: "\(directory)/one", directory: directory)
      #expect(try source.load().files == ["\(directory)/one"])
      let none = ConfigurationSource(.standard, file: "/dev/null", directory: directory)
      #expect(throws: SettingError.unnamed(file: "/dev/null", .standard)) { try none.load() }
      let missing = ConfigurationSource(.standard, directory: "\(directory)/nowhere")
      #expect(throws: SettingError.unnamed(file: "\(directory)/nowhere/oncilla.conf", .standard)) { try missing.load() }
      let absent = ConfigurationSource(.standard, file: "\(directory)/absent")
      #expect(throws: SettingError.unreadable(SystemError(call: "open \(directory)/absent", number: ENOENT))) {
        try absent.load()
      }
    }
    let error = #expect(throws: SettingError.self) { try ConfigurationSource(.standard, file: "/dev/zero").load() }
    #expect(error?.description.hasPrefix("read /dev/zero, of which at most 1 MiB are accepted") == true)
  }

  @Test("what others could change is told")
  func warnings() throws {
    try with(["oncilla.conf": "onion = \(ConfigurationSourceTests.alice)"]) { (directory: String) throws -> Void in
      chmod("\(directory)/oncilla.conf", 0o666)
      let warnings = try ConfigurationSource(.standard, directory: directory).load().warnings
      #expect(warnings.count == 1 && warnings[0].contains("/oncilla.conf can be written by everybody"))
    }
  }

  @Test("what it amounts to can be read as a configuration again, and amounts to the same")
  func shown() throws {
    let configuration = try load(
      [
        "oncilla.conf":
          "onion = \(ConfigurationSourceTests.alice)\nmtu = 1300\npeer = b=\(ConfigurationSourceTests.bob)"
      ],
      ["idle": "60"])
    let text = configuration.lines.joined(separator: "\n")
    #expect(text.contains("\nidle = 60  # --idle\n") && text.contains("/oncilla.conf:2\n"))
    #expect(text.contains("\nmode = tun  # default\n") && text.contains("\n# netns is not set\n"))
    let again = try load(["oncilla.conf": text])
    #expect(again.settings == configuration.settings)
  }
}
