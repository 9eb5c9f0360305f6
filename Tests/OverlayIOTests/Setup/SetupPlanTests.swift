import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("What setup writes")
struct SetupPlanTests {
  private let directory: TemporaryDirectory
  private var places: SetupPlaces

  init() throws {
    directory = try TemporaryDirectory()
    places = SetupPlaces(.standard)
    places.configuration = "\(directory.path)/oncilla"
    places.torrc = "\(directory.path)/tor/torrc"
    places.torData = "\(directory.path)/data"
    places.systemd = "\(directory.path)/systemd"
    places.units = "\(directory.path)/units"
    places.torDefaults = "\(directory.path)/none"
    try SystemCall.makeDirectory("\(directory.path)/tor", mode: 0o755)
  }

  private func write(_ text: String, to path: String) throws {
    let parts = path.split(separator: "/")
    try OpenDirectory("/" + parts.dropLast().joined(separator: "/")).replace(
      String(parts.last ?? ""), with: text, for: .everybody)
  }

  private func text(_ path: String) throws -> String { String(decoding: try readFile(path), as: UTF8.self) }

  @Test("with a control port it is one file of settings, which a daemon understands")
  func control() throws {
    let plan = SetupPlan.control(
      .unix("\(directory.path)/control"), socks: .unix("/run/tor/socks"), port: 8_061, isPrivate: false, places)
    #expect(plan.files.map(\.path) == [places.setupFile])
    #expect(plan.torFiles.isEmpty)
    let lines = try #require(plan.files.first?.text).split(separator: "\n").dropFirst()
    #expect(
      Array(lines) == [
        "tor-control = unix:\(directory.path)/control", "publish = tor", "socks = unix:/run/tor/socks",
        "listen = 127.0.0.1:8061",
      ])
    try #require(plan.files.first).write()
    let source = ConfigurationSource(.standard, directory: places.configuration)
    #expect(try source.load().settings.daemon.socks == .unix("/run/tor/socks"))
  }

  @Test("it tells whether the host is found by its address, and where the name is told then")
  func lookup() throws {
    for (mode, expected) in [
      (LookupMode.serve, "lookup = serve\nlookup-listen = 127.0.0.1:8070\n"), (.ask, "lookup = ask\n"),
    ] {
      let plan = SetupPlan.control(
        .unix("/c"), socks: .unix("/s"), port: 8_060, isPrivate: false, lookup: .init(mode, port: 8_070), places)
      #expect(plan.files.first?.text.hasSuffix("listen = 127.0.0.1:8060\n" + expected) == true)
    }
  }

  @Test("by torrc it is an onion service in a file of its own, and the one line that includes it")
  func torrc() throws {
    try write("SocksPort 9050\n", to: places.torrc)
    let plan = try SetupPlan.torrc(
      socks: .ipv4(.loopback, port: 9_050), port: 8_060, places)
    #expect(plan.torFiles.map(\.file.path) == [places.torFile] && plan.files.map(\.path) == [places.setupFile])
    let text = plan.torFiles[0].file.text
    #expect(text.contains("HiddenServiceDir \(places.serviceDirectory)\nHiddenServicePort 8060 127.0.0.1:8060\n"))
    #expect(!text.contains("\nSocksPort"))
    #expect(plan.files[0].text.contains("hostname-file = \(places.serviceDirectory)/hostname\n"))
    #expect(plan.torFiles[0].line == "%include \(places.torFile)")
    try write("SocksPort 9050\n%include \(places.torFile)\n", to: places.torrc)
    #expect(
      try SetupPlan.torrc(
        socks: .ipv4(.loopback, port: 9_050), port: 8_060, places
      ).torFiles[0].line == nil)
  }

  @Test("where the configuration has Tor tell its circuits, the onion service gets the line for that")
  func circuitLines() throws {
    try write("%include \(places.torFile)\n", to: places.torrc)
    func plan(_ exportsCircuit: Bool) throws -> SetupPlan.File {
      try SetupPlan.torrc(
        socks: .ipv4(.loopback, port: 9_050), port: 8_060, exportsCircuit: exportsCircuit, places
      ).torFiles[0].file
    }
    let file = try plan(true)
    for text in [file.text, file.plainText ?? ""] {
      #expect(text.contains("HiddenServicePort 8060 127.0.0.1:8060\n"))
      #expect(text.contains("\nHiddenServiceExportCircuitID haproxy\n"))
    }
    #expect(try !plan(false).text.contains("HiddenServiceExportCircuitID"))
    // Nobody has a name yet.
    try SystemCall.makeDirectory(places.configuration, mode: 0o755)
    try write("tor-circuit-id = yes\n", to: "\(places.configuration)/oncilla.conf")
    let source = ConfigurationSource(.standard, directory: places.configuration)
    #expect(try source.isSwitchedOn("tor-circuit-id"))
    #expect(try source.loadIfNamed() == nil)
    try write("tor-circuit-id = no\n", to: "\(places.configuration)/oncilla.conf")
    #expect(try !source.isSwitchedOn("tor-circuit-id"))
  }

  @Test("by torrc the lookup service is another, in a file of its own, if the host is to be found by its address")
  func torrcLookup() throws {
    try write("%include \(places.torFile)\n", to: places.torrc)
    func plan(_ mode: LookupMode) throws -> SetupPlan {
      try .torrc(
        socks: .ipv4(.loopback, port: 9_050), port: 8_060, lookup: .init(mode, port: 8_070), places)
    }
    let serving = try plan(.serve)
    #expect(serving.torFiles.map(\.isLookup) == [false, true])
    #expect(serving.torFiles.map(\.line) == [nil, "%include \(places.lookupFile)"])
    #expect(
      serving.torFiles[1].file.text.hasSuffix(
        "\nHiddenServiceDir \(places.lookupDirectory)\nHiddenServicePort 8060 127.0.0.1:8070\n"))
    #expect(serving.files[0].text.hasSuffix("lookup = serve\nlookup-listen = 127.0.0.1:8070\n"))
    for mode in [LookupMode.ask, .off] {
      #expect(try plan(mode).torFiles.count == 1)
      #expect(try plan(mode).files[0].text.hasSuffix("\nlookup = \(mode.rawValue)\n"))
    }
  }

  @Test("where systemd runs it reads the name, because Tor's directory is closed to the daemon")
  func credential() throws {
    try write("", to: places.torrc)
    try SystemCall.makeDirectory(places.systemd, mode: 0o755)
    let plan = try SetupPlan.torrc(
      socks: .ipv4(.loopback, port: 9_050), port: 8_060, places)
    #expect(plan.files.map(\.path) == [places.unitFile, places.setupFile])
    #expect(plan.files[0].text.hasSuffix("[Service]\nLoadCredential=hostname:\(places.serviceDirectory)/hostname\n"))
    #expect(plan.files[1].text.contains("hostname-file = /run/credentials/oncilla.service/hostname\n"))
  }

  @Test("what is there already and says something else is told apart from what is the same or missing")
  func standing() throws {
    let file = SetupPlan.File(path: "\(directory.path)/a/b/file", text: "one\n")
    #expect(try file.standing() == .missing)
    try file.write()
    #expect(try file.standing() == .same)
    #expect(try SetupPlan.File(path: file.path, text: "two\n").standing() == .different)
  }

  @Test("an instance has its own places", arguments: ["office"])
  func instance(_ name: String) throws {
    let places = SetupPlaces(try Instance(name))
    #expect(places.setupFile == "/etc/oncilla/office/conf.d/10-setup.conf")
    #expect(places.unit == "oncilla@office.service")
    #expect(places.torFile == "/etc/tor/oncilla-office.conf")
    #expect(places.serviceDirectory == "/var/lib/tor/oncilla-office")
    #expect(places.lookupFile == "/etc/tor/oncilla-office-lookup.conf")
    #expect(places.lookupDirectory == "/var/lib/tor/oncilla-office-lookup")
  }

  @Test("a program that is run tells its status and what it wrote, and one that is not there is an error")
  func programs() throws {
    #expect(
      try SystemCall.run(["sh", "-c", "echo out; echo err >&2; exit 3"]) == .init(status: 3, output: "out\nerr\n"))
    #expect(
      try SystemCall.run(["sh", "-c", "echo 'Job failed.'; echo '  See the log'; echo"]).line
        == "Job failed. See the log")
    #expect(try SystemCall.run(["sh", "-c", "kill -9 $$"]).status == 137)
    #expect(try SystemCall.run(["sh", "-c", "yes | head -c 1000000"]).output.utf8.count < 80_000)
    #expect(throws: SystemError.self) { try SystemCall.run(["/nonexistent/program"]) }
  }
}
