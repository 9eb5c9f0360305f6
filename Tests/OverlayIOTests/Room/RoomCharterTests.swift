import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("What the helper may be asked for")
struct RoomCharterTests {
  private static let name = String(repeating: "a", count: 16) + ".onion"

  /// A charter of a configuration in a directory, with these further lines.
  private func withCharter(
    _ lines: String, _ body: (inout RoomCharter, TemporaryDirectory) throws -> Void
  ) throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("oncilla.conf")
    try directory.write("oncilla.conf", "onion = \(RoomCharterTests.name)\n\(lines)\n")
    let source = ConfigurationSource(.standard, file: path)
    var charter = RoomCharter(try source.load(), from: source)
    try body(&charter, directory)
  }

  @Test("the interface gets addresses of the overlay alone, and no others later")
  func addresses() throws {
    try withCharter("") { charter, _ in
      let (own, other) = (
        try OnionName(RoomCharterTests.name).address, try OnionName(String(repeating: "b", count: 16))
      )
      #expect(charter.allows(.configureInterface([try #require(IPv6Address("2001:db8::1"))])) == false)
      #expect(charter.allows(.configureInterface([own])) == true)
      #expect(charter.allows(.configureInterface([other.address])) == false)
      #expect(charter.allows(.configureInterface([own])) == true)
    }
  }

  @Test("what the daemon never asks for is refused: a guard stays")
  func guards() throws {
    try withCharter("") { charter, _ in
      #expect(charter.allows(.removeLeakGuards) == false)
      #expect(charter.allows(.lookForLeakGuards) == false)
      #expect(charter.allows(.installLeakGuard) == true)
    }
  }

  @Test("prefixes are those that the daemon has, and those that it had while it changes")
  func prefixes() throws {
    try withCharter("serve = fd00:a::/64") { charter, directory in
      let (first, second) = (try #require(IPPrefix("fd00:a::/64")), try #require(IPPrefix("fd00:b::/64")))
      #expect(charter.allows(.setPrefixes(routes: [], served: [first])) == true)
      #expect(charter.allows(.setPrefixes(routes: [first], served: [])) == false)
      #expect(charter.allows(.setPrefixes(routes: [], served: [second])) == false)
      try directory.write("oncilla.conf", "onion = \(RoomCharterTests.name)\nserve = fd00:b::/64\n")
      try charter.readAgain()
      #expect(charter.allows(.setPrefixes(routes: [], served: [second])) == true)
      #expect(charter.allows(.setPrefixes(routes: [], served: [first])) == true)
      charter.settle(isNew: true)
      #expect(charter.allows(.setPrefixes(routes: [], served: [first])) == false)
      #expect(charter.allows(.setPrefixes(routes: [], served: [second])) == true)
    }
  }

  @Test("what the daemon did stays allowed however often a change fails")
  func failedChanges() throws {
    try withCharter("serve = fd00:a::/64") { charter, directory in
      let first = try #require(IPPrefix("fd00:a::/64"))
      for number in 1...3 {
        try directory.write("oncilla.conf", "onion = \(RoomCharterTests.name)\nserve = fd00:b\(number)::/64\n")
        try charter.readAgain()
        charter.settle(isNew: false)
        #expect(charter.allows(.setPrefixes(routes: [], served: [first])) == true)
        let other = try #require(IPPrefix("fd00:b\(number)::/64"))
        #expect(charter.allows(.setPrefixes(routes: [], served: [other])) == false)
      }
    }
  }

  @Test("what needs a restart stays as it is, however often the configuration is read")
  func restartingSettings() throws {
    try withCharter("control = /run/o.sock\ninterface = oncilla7") { charter, directory in
      for number in 1...3 {
        try directory.write(
          "oncilla.conf",
          "onion = \(RoomCharterTests.name)\ncontrol = /run/\(number).sock\ninterface = other\(number)\n")
        try charter.readAgain()
        #expect(charter.allowsRemoval(of: "/run/o.sock") && !charter.allowsRemoval(of: "/run/\(number).sock"))
        #expect("\(charter.interface.name)" == "oncilla7")
      }
    }
  }

  @Test("files are opened that the configuration names, each for its use")
  func files() throws {
    let lines = "hosts = /etc/tor/onioncat.hosts\nlog = /var/log/o.log\nstate-dir = /var/lib/o\nhosts-file = /etc/hosts"
    try withCharter(lines) { charter, directory in
      let own = directory.file("oncilla.conf")
      for path in ["/etc/tor/onioncat.hosts", "/etc/passwd", "/etc/group", own] {
        #expect(charter.allows(path, .read, for: .pump))
        // Whoever speaks with Tor's control port reads what the configuration says, and nothing else.
        #expect(charter.allows(path, .read, for: .torKeeper) == (path == own))
      }
      #expect(charter.allows("/var/log/o.log", .log, for: .pump))
      #expect(!charter.allows("/var/log/o.log", .log, for: .torKeeper))
      for path in ["/etc/shadow", "/var/log/o.log", "/var/lib/o", "/etc/hosts", "/etc/tor/../shadow", ""] {
        #expect(!charter.allows(path, .read, for: .pump), "\(path)")
      }
      #expect(!charter.allows("/etc/tor/onioncat.hosts", .log, for: .pump))
      for path in ["/etc", "/var/lib/o"] { #expect(!charter.allows(path, .directory, for: .pump)) }
    }
  }

  @Test("of a watched file's way changes are told, and neither that somebody reads nor that he opens it")
  func watches() throws {
    try withCharter("hosts = /etc/tor/onioncat.hosts") { charter, _ in
      for mask in FileWatcher.masks {
        #expect(charter.allowsWatch("/etc/tor", mask) && charter.allowsWatch("/", mask))
        #expect(!charter.allowsWatch("/etc/to", mask) && !charter.allowsWatch("/root", mask))
        #expect(!charter.allowsWatch("", mask) && !charter.allowsWatch(".", mask))
        for event in [IN_OPEN, IN_ACCESS, IN_CLOSE_NOWRITE] { #expect(mask & UInt32(event) == 0) }
      }
      #expect(!charter.allowsWatch("/", UInt32(IN_OPEN)) && !charter.allowsWatch("/etc", 0))
    }
  }

  @Test("of the state directory each has its own files, and the keys are not the daemon's")
  func keptFiles() throws {
    let directory = try TemporaryDirectory()
    try directory.write(
      "oncilla.conf",
      "publish = tor\ntor-control = unix:/run/tor/control\nstate-dir = /var/lib/o\n"
        + "identity = work,listen=127.0.0.1:9\n")
    let source = ConfigurationSource(.standard, file: directory.file("oncilla.conf"))
    let charter = RoomCharter(try source.load(), from: source)
    let keys = ["identity.key", "identity-work.key"]
    for name in StateDirectory.files + keys {
      #expect(charter.isKept("/var/lib/o/\(name)", by: .torKeeper) == keys.contains(name), "\(name)")
      #expect(charter.isKept("/var/lib/o/\(name)", by: .pump) == !keys.contains(name), "\(name)")
    }
    for path in ["/var/lib/o/..", "/var/lib/o/", "/var/lib/o/identity-home.key", "/var/lib/names", "/etc/shadow"] {
      for client in RoomClient.allCases { #expect(!charter.isKept(path, by: client), "\(path)") }
    }
  }

  @Test("of a directory of configuration, the files that are read of it alone")
  func directory() throws {
    let directory = try TemporaryDirectory()
    try directory.write("oncilla.conf", "onion = \(RoomCharterTests.name)\n")
    let source = ConfigurationSource(.standard, directory: directory.path)
    let charter = RoomCharter(try source.load(), from: source)
    for name in ["oncilla.conf", "conf.d/a.conf", "peers.d/bob.conf"] {
      #expect(charter.allows("\(directory.path)/\(name)", .read, for: .torKeeper), "\(name)")
    }
    for name in ["other.conf", "conf.d/../../shadow.conf", "conf.d/.a.conf", "conf.d/a", "peers.d/a/b.conf"] {
      #expect(!charter.allows("\(directory.path)/\(name)", .read, for: .pump), "\(name)")
    }
  }

  @Test("sockets are Tor's to connect to, each by whom it is for, and ours to remove")
  func sockets() throws {
    let lines =
      "socks = unix:/run/tor/socks\ntor-control = unix:/run/tor/control\ncontrol = /run/o.sock\n"
      + "dns = unix:/run/dns"
    try withCharter(lines) { charter, _ in
      for path in ["/run/tor/socks", "/run/tor/control", "/run/docker.sock"] {
        #expect(charter.allowsConnection(to: path, for: .pump) == path.hasSuffix("socks"))
        #expect(charter.allowsConnection(to: path, for: .torKeeper) == path.hasSuffix("control"))
      }
      #expect(charter.allowsRemoval(of: "/run/o.sock") && charter.allowsRemoval(of: "/run/dns"))
      #expect(!charter.allowsRemoval(of: "/run/tor/socks"))
    }
  }

  @Test("Tor's cookie is read by whoever speaks with its control port, and by nobody where there is none")
  func cookie() throws {
    for isUsed in [true, false] {
      try withCharter(isUsed ? "tor-control = unix:/run/tor/control" : "") { charter, _ in
        #expect(charter.mayBeCookie("/run/tor/control.authcookie", for: .torKeeper) == isUsed)
        #expect(!charter.mayBeCookie("/run/tor/control.authcookie", for: .pump))
        #expect(!charter.mayBeCookie("/etc/shadow", for: .torKeeper))
      }
    }
  }

  @Test("what is on one's list is not on the other's")
  func lists() throws {
    let everybodys: [RoomRequest] = [.open("/", .read), .connect("/"), .draft("/"), .finish("/"), .discard("/")]
    let daemons: [RoomRequest] = [
      .privileged(.openTunnel), .survey, .configurationChanged,
      .fileEvents, .endFileEvents(1), .watch("/", 1, queue: 1), .remove("/"), .keepHosts("/"),
      .startHook(Hook(.up, "/bin/true"), try OnionName(RoomCharterTests.name), nil),
    ]
    for request in everybodys + daemons {
      #expect(RoomClient.pump.mayAsk(for: request))
      #expect(RoomClient.torKeeper.mayAsk(for: request) == everybodys.contains(request))
    }
  }

  @Test("a hosts file gets lines of peers, each exactly as one is written")
  func hosts() throws {
    try withCharter("hosts-file = /etc/hosts\nhook = up=/bin/true") { charter, _ in
      #expect(charter.hosts(at: "/etc/hosts")?.owner == "oncilla0" && charter.hosts(at: "/etc/passwd") == nil)
      let name = try OnionName(RoomCharterTests.name)
      let zone = LocalNameServer.usualZone
      for petname in [nil, Petname("bob"), Petname("localhost")] {
        #expect(RoomCharter.isHostsLine(HostsBlock.Entry(name, petname: petname).line(zone: zone), zone: zone))
      }
      #expect(RoomCharter.isHostsLine(HostsBlock.line(own: name.address, zone: zone), zone: zone))
      for line in ["::1 host.self.\(zone)", "\(name.address) host.self.example", "\(name.address)  host.self.\(zone)"] {
        #expect(!RoomCharter.isHostsLine(line, zone: zone), "\(line)")
      }
      for line in ["", "127.0.0.1 bank.example", "\(name.address) bank.example \(name)", "\(name.address) bob \(name)"]
      {
        #expect(!RoomCharter.isHostsLine(line, zone: zone), "\(line)")
      }
      #expect(!RoomCharter.isHostsLine("\(name.address) \(name)\n::1 a", zone: zone))
      #expect(charter.allows(Hook(.up, "/bin/true")) && !charter.allows(Hook(.down, "/bin/true")))
      #expect(!charter.allows(Hook(.up, "/bin/sh")))
    }
  }
}
