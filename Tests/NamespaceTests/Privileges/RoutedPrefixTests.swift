import OverlayCore
import OverlayIO
import PacketSamples
import Testing

@Suite("Routes to what is behind peers")
struct RoutedPrefixTests {
  static let interfaceRoutes = [
    "fd00:1::/64 dev oncilla0 proto 235 metric 256", "fd87:d87e:eb43::/48 dev oncilla0 proto kernel metric 256",
    "10.20.0.0/16 dev oncilla0 proto 235 scope link", "10.30.0.0/24 dev oncilla0 proto 235 scope link",
  ].map { "\($0) initcwnd 131 features ecn congctl cubic" }
  static let leakGuards = [
    "unreachable fd00:1::/64 dev lo proto 235 metric 4096",
    "unreachable fd87:d87e:eb43::/48 dev lo proto 235 metric 4096",
    "unreachable 10.20.0.0/16 proto 235 metric 4096", "unreachable 10.30.0.0/24 proto 235 metric 4096",
  ]

  private func settings(in namespace: TestNamespace) throws -> InterfaceSettings {
    var settings = try namespace.settings()
    settings.carriesIPv4 = true
    settings.routes = try ["fd00:1::/64", "10.20.0.0/16"].map { try #require(IPPrefix($0)) }
    settings.ipv4Address = IPv4InterfaceAddress(try #require(IPv4Address("10.30.0.1")), length: 24)
    return settings
  }

  @Test("stand with a leak guard each, which outlives the interface until it is removed")
  func installed() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(settings(in: namespace))
    do {
      let state = try privileges.installLeakGuard().state
      #expect(state == .installed)
      let tunnel = try privileges.openTunnel()
      _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
      #expect(try namespace.shownRoutes() == Set(RoutedPrefixTests.interfaceRoutes + RoutedPrefixTests.leakGuards))
      let way = try namespace.ip("route", "get", "10.20.0.9")
      #expect(way.contains("dev \(tunnel.name)") && way.contains("src 10.30.0.1"))
      #expect(try namespace.ip("-6", "route", "get", "fd00:1::9").contains("dev \(tunnel.name)"))
      _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
    }
    #expect(namespace.waitUntilGone())
    #expect(try namespace.shownRoutes() == Set(RoutedPrefixTests.leakGuards))
    #expect(throws: TestNamespace.Failure.self) { try namespace.ip("route", "get", "10.20.0.9") }
    let state = try privileges.installLeakGuard().state
    #expect(state == .adopted)
    _ = try privileges.perform(.removeLeakGuards)
    #expect(try namespace.shownRoutes() == [])
    _ = try privileges.perform(.removeLeakGuards)
  }

  @Test("speak from the host's address in what it serves, not from its WAN's, and from a new one when that changes")
  func preferredSource() throws {
    let namespace = try TestNamespace()
    for (link, addresses) in [
      ("wan0", ["192.0.2.7/24", "2001:db8::7/64"]), ("lan0", ["10.10.1.1/24", "fd00:a::1/64"]),
    ] {
      try namespace.ip("link", "add", link, "type", "veth", "peer", "name", link + "p")
      for address in addresses { try namespace.ip("addr", "add", address, "dev", link, "nodad") }
      for end in [link, link + "p"] { try namespace.ip("link", "set", end, "up") }
    }
    var wanted = try settings(in: namespace)
    wanted.ipv4Address = nil
    wanted.served = try ["10.10.0.0/16", "fd00:a::/48"].map { try #require(IPPrefix($0)) }
    var privileges = try Privileges(wanted)
    _ = try privileges.installLeakGuard()
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
    let source = { (version: String, address: String) in
      try #require(
        try namespace.ip(version, "route", "get", address).split(separator: " src ").last?.split(separator: " ").first)
    }
    #expect(try source("-4", "10.20.0.9") == "10.10.1.1")
    #expect(try source("-6", "fd00:1::9") == "fd00:a::1")
    let missing = try privileges.lookForSourceAddress()
    #expect(missing == nil)

    var monitor = try privileges.openMonitor()
    try namespace.ip("addr", "del", "10.10.1.1/24", "dev", "lan0")
    #expect(monitor.changes(through: .servedAddressChanged).contains(.servedAddressChanged))
    _ = try privileges.perform(.restoreInterface)
    let line = try privileges.lookForSourceAddress()
    #expect(line?.contains("--ipv4-address") == true)
    try namespace.ip("addr", "add", "10.10.2.1/24", "dev", "lan0")
    _ = try privileges.perform(.restoreInterface)
    #expect(try source("-4", "10.20.0.9") == "10.10.2.1")
    #expect(tunnel.index > 1)
  }

  @Test("an address that we set ourselves in what is served is no news: it was set again every ten seconds, for ever")
  func ownAddressInServedPrefix() throws {
    let namespace = try TestNamespace()
    var wanted = try settings(in: namespace)
    wanted.served = [try #require(IPPrefix("10.30.0.0/16"))]
    var privileges = try Privileges(wanted)
    _ = try privileges.installLeakGuard()
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
    var monitor = try privileges.openMonitor()
    monitor.watch(tunnel)
    _ = try privileges.perform(.restoreInterface)
    try namespace.ip("link", "set", tunnel.name, "mtu", "9000")
    try namespace.ip("link", "set", tunnel.name, "down")
    #expect(!monitor.changes(through: .addressLost).contains(.servedAddressChanged))
  }

  @Test(
    "what others remove is told and restored",
    arguments: [
      ([["link", "set", "oncilla0", "down"], ["link", "set", "oncilla0", "up"]], .cameUp),
      ([["-6", "route", "del", "fd00:1::/64", "dev", "oncilla0"]], .routeLost),
      ([["route", "del", "10.20.0.0/16", "dev", "oncilla0"]], .routeLost),
      ([["route", "del", "10.30.0.0/24", "dev", "oncilla0"]], .routeLost),
      ([["addr", "del", "10.30.0.1/24", "dev", "oncilla0"]], .addressLost),
      ([["route", "flush", "proto", "235"]], .leakGuardLost),
      ([["-6", "route", "flush", "proto", "235"]], .leakGuardLost),
    ] as [([[String]], InterfaceChange)])
  func restored(commands: [[String]], change: InterfaceChange) throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(settings(in: namespace))
    _ = try privileges.installLeakGuard()
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
    let before = try namespace.shownRoutes()
    var monitor = try privileges.openMonitor()
    for command in commands { try namespace.run(command) }
    #expect(monitor.changes(through: change).contains(change))
    #expect(try namespace.ip("addr", "show", "dev", tunnel.name) != "")

    _ = try privileges.perform(.restoreInterface)
    _ = try privileges.installLeakGuard()
    #expect(try namespace.shownRoutes() == before)
    #expect(try namespace.ip("-4", "addr", "show", "dev", tunnel.name).contains("inet 10.30.0.1/24"))
    // What was put right is no change to put right again.
    var later: [InterfaceChange] = []
    monitor.drain { later.append($0) }
    #expect(later == [])
  }

  @Test("as many as are accepted are restored without being asked for one by one")
  func many() throws {
    let namespace = try TestNamespace()
    var settings = try settings(in: namespace)
    settings.routes = try (0..<DaemonSettings.mostPrefixes).map { number in
      try #require(IPPrefix(number % 2 == 0 ? "fd00:\(String(number, radix: 16))::/32" : "10.\(number).0.0/16"))
    }
    var privileges = try Privileges(settings)
    _ = try privileges.installLeakGuard()
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
    let before = try namespace.shownRoutes()
    #expect(before.count == 2 * (2 + DaemonSettings.mostPrefixes))
    try namespace.ip("-6", "route", "flush", "proto", "235")
    try namespace.ip("-4", "route", "flush", "dev", tunnel.name)
    _ = try privileges.perform(.restoreInterface)
    let state = try privileges.installLeakGuard().state
    #expect(state == .installed)
    #expect(try namespace.shownRoutes() == before)
  }

  @Test("do not pass for installed where another route has their place, which is left alone")
  func taken() throws {
    let namespace = try TestNamespace()
    try namespace.ip("link", "add", "lan0", "type", "bridge")
    try namespace.ip("link", "set", "lan0", "up")
    try namespace.ip("route", "add", "10.20.0.0/16", "dev", "lan0")
    var privileges = try Privileges(settings(in: namespace))
    let tunnel = try privileges.openTunnel()
    let prefix = try #require(IPPrefix("10.20.0.0/16"))
    #expect(throws: PrivilegeError.routeTaken(prefix, metric: 0)) {
      try privileges.perform(.configureInterface([.overlay(0x1234)])).discard()
    }
    #expect(tunnel.name == "oncilla0")
    #expect(try namespace.ip("route", "get", "10.20.0.9").contains("dev lan0"))
  }

  @Test("a bridge's port that has no address gets no routes, and the leak guards stand")
  func withoutAddress() throws {
    let namespace = try TestNamespace()
    var settings = try settings(in: namespace)
    (settings.mode, settings.hasAddress, settings.ipv4Address) = (.tap, false, nil)
    var privileges = try Privileges(settings)
    _ = try privileges.installLeakGuard()
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
    let link = try namespace.link(tunnel.name)
    #expect(link.flags.contains("UP"))
    #expect(link.addresses == [])
    #expect(try namespace.shownRoutes() == Set(RoutedPrefixTests.leakGuards.filter { !$0.contains("10.30.0.0") }))
  }

  @Test("all identities have their address, and programs use the first unless they ask for another")
  func identities() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([.overlay(0x8000), .overlay(0x2), .overlay(0x3)]))
    let locals = try namespace.link(tunnel.name).addresses.map { "\($0.local)/\($0.prefixlen)" }
    #expect(Set(locals) == ["fd87:d87e:eb43::8000/48", "fd87:d87e:eb43::2/48", "fd87:d87e:eb43::3/48"])
    for destination in ["fd87:d87e:eb43::1", "fd87:d87e:eb43::8001", "fd87:d87e:eb43::ff00"] {
      #expect(try namespace.ip("-6", "route", "get", destination).contains("src fd87:d87e:eb43::8000"))
    }
    try namespace.ip("-6", "addr", "del", "fd87:d87e:eb43::2/48", "dev", tunnel.name)
    _ = try privileges.perform(.restoreInterface)
    #expect(Set(try namespace.link(tunnel.name).addresses.map(\.local)).contains("fd87:d87e:eb43::2"))
  }
}

extension TestNamespace {
  /// The routes of both versions that are not link-local or multicast, without what the kernel adds for reading.
  func shownRoutes() throws -> Set<String> {
    let text = try ip("-6", "route", "show") + ip("-4", "route", "show")
    let lines = text.split(separator: "\n").filter { !$0.hasPrefix("fe80") && !$0.hasPrefix("ff00") }
    return Set(
      lines.map { line in
        let words = line.split(separator: " ").filter { $0 != "linkdown" }
        return words.prefix { $0 != "pref" && $0 != "error" }.joined(separator: " ")
      })
  }
}
