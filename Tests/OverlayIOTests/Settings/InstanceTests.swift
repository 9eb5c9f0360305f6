import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("Instances")
struct InstanceTests {
  @Test("the standard one has the places without a name")
  func standard() {
    let instance = Instance.standard
    #expect(instance.configurationDirectory == "/etc/oncilla")
    #expect(instance.program == "oncilla")
    for setting in Setting.all where setting.name != "socks" {
      #expect(instance.defaultText(of: setting) == setting.defaultText)
    }
    let places = [instance.stateDirectory, instance.controlSocket, instance.interface?.description]
    let names = ["state-dir", "control", "interface"]
    #expect(places == names.map { name in Setting.all.first { $0.name == name }?.defaultText })
  }

  @Test("where circuits are asked for if nothing else is said depends on a socket that this user may connect to")
  func socks() throws {
    let setting = try #require(Setting.all.first { $0.name == "socks" })
    #expect(Instance.standard.defaultText(of: setting) == "\(SocketAddress.standardSOCKS)")
    #expect(["unix:/run/tor/socks", "127.0.0.1:9050"].contains("\(SocketAddress.standardSOCKS)"))
    let directory = try TemporaryDirectory()
    try directory.write("file", "")
    #expect(
      !SystemCall.mayConnect(toPath: directory.file("none")) && !SystemCall.mayConnect(toPath: directory.file("file")))
    let socket = try SystemCall.socket(AF_UNIX, SOCK_STREAM)
    try SocketAddress.unix(directory.file("socket")).withSocketAddress { pointer, size throws(SystemError) in
      try SystemCall.bind(socket.number, to: pointer, size)
    }
    #expect(SystemCall.mayConnect(toPath: directory.file("socket")))
  }

  @Test("another has places of its own")
  func named() throws {
    let instance = try Instance("office")
    #expect(instance.configurationDirectory == "/etc/oncilla/office")
    #expect(instance.stateDirectory == "/var/lib/oncilla/office")
    #expect(instance.controlSocket == "/run/oncilla/office/control.sock")
    #expect(instance.program == "oncilla -i office")
    var draft = SettingsDraft(for: instance)
    for (name, value) in [("onion", "7fd22jhmqgfl45j6"), ("listen", "127.0.0.1:8061")] {
      try draft.read(#require(Setting.all.first { $0.name == name }), GivenValue(value, from: .option("--" + name)))
    }
    let daemon = try draft.settings().daemon
    #expect(daemon.stateDirectory == instance.stateDirectory && daemon.control == instance.controlSocket)
    #expect(daemon.interface.name.description == "onc-office")
  }

  @Test("it has to be told where it listens, and a long name needs a name for its interface")
  func places() throws {
    var draft = SettingsDraft(for: try Instance("office"))
    let onion = try #require(Setting.all.first { $0.name == "onion" })
    try draft.read(onion, GivenValue("7fd22jhmqgfl45j6", from: .option("--onion")))
    var error = #expect(throws: SettingError.self) { try draft.settings() }
    #expect(error?.description.hasPrefix("instance office needs --listen HOST:PORT of its own") == true)
    draft = SettingsDraft(for: try Instance("office"))
    for (name, value) in [("publish", "tor"), ("tor-control", "unix:/run/tor/control")] {
      try draft.read(#require(Setting.all.first { $0.name == name }), GivenValue(value, from: .option("--" + name)))
    }
    error = #expect(throws: SettingError.self) { try draft.settings() }
    #expect(error?.description.hasPrefix("instance office needs --listen HOST:PORT of its own") == true)
    draft = SettingsDraft(for: try Instance("a-long-name-for-one"))
    try draft.read(onion, GivenValue("7fd22jhmqgfl45j6,listen=127.0.0.1:1", from: .option("--onion")))
    error = #expect(throws: SettingError.self) { try draft.settings() }
    #expect(error?.description.hasPrefix("instance a-long-name-for-one needs --interface NAME") == true)
  }

  @Test("a name that shares a file for Tor with another instance is refused", arguments: ["lookup", "office-lookup"])
  func lookup(name: String) throws {
    let error = #expect(throws: SettingValue.Refusal.self) { try Instance(name) }
    #expect(error?.reason.contains("lookup services of other instances") == true)
    #expect(try Instance("lookups").name == "lookups")
  }

  @Test(
    "what a text advises is for it",
    arguments: [
      ("say 'oncilla status', or 'oncilla peer add' now", "say 'oncilla -i a status', or 'oncilla -i a peer add' now"),
      ("'oncilla -i a status'", "'oncilla -i a status'"), ("oncilla, 'oncilla'", "oncilla, 'oncilla'"), ("", ""),
    ])
  func advice(text: String, advised: String) throws {
    #expect(try Instance("a").advised(text) == advised)
    #expect(Instance.standard.advised(text) == text)
  }

  @Test("its service is a template's, and that of the standard one is not")
  func service() throws {
    #expect(Instance.standard.service == "oncilla")
    #expect(try Instance("a").service == "oncilla@a")
  }

  @Test(
    "names that are a path, a file of the standard one, or hard to type are refused",
    arguments: [
      "", "-a", "a-", "A", "a.b", "../etc", "a/b", "mac", "leases", "ä", "a b", String(repeating: "a", count: 33),
    ])
  func refused(name: String) {
    #expect(throws: SettingValue.Refusal.self) { try Instance(name) }
  }
}
