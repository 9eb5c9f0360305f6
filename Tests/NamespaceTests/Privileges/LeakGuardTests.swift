import OverlayCore
import OverlayIO
import PacketSamples
import Testing

@Suite("The leak guard")
struct LeakGuardTests {
  @Test("makes the overlay unreachable when the interface is gone")
  func guardsAlone() throws {
    let namespace = try TestNamespace()
    try namespace.addClearLink()
    try namespace.ip("-6", "route", "add", "default", "dev", "clear0")
    do {
      var privileges = try Privileges(namespace.settings())
      let state = try privileges.installLeakGuard().state
      #expect(state == .installed)
      let tunnel = try privileges.openTunnel()
      _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
      #expect(try namespace.ip("-6", "route", "get", "fd87:d87e:eb43::1").contains("dev \(tunnel.name)"))
    }
    #expect(namespace.waitUntilGone())
    #expect(try namespace.routes() == [.leakGuard])
    let refusal = #expect(throws: TestNamespace.Failure.self) {
      try namespace.ip("-6", "route", "get", "fd87:d87e:eb43::1")
    }
    #expect(refusal?.description.contains("No route to host") == true)
    #expect(try namespace.ip("-6", "route", "get", "2001:db8::1").contains("dev clear0"))
  }

  @Test("of an earlier run is adopted")
  func adopted() throws {
    let namespace = try TestNamespace()
    do {
      var crashed = try Privileges(namespace.settings())
      let state = try crashed.installLeakGuard().state
      #expect(state == .installed)
    }
    var privileges = try Privileges(namespace.settings())
    let state = try privileges.installLeakGuard().state
    #expect(state == .adopted)
    #expect(try namespace.routes() == [.leakGuard])
  }

  @Test("is removed on request, and removing it twice is no error")
  func removed() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    _ = try privileges.installLeakGuard()
    _ = try privileges.perform(.removeLeakGuards)
    #expect(try namespace.routes() == [])
    _ = try privileges.perform(.removeLeakGuards)
  }

  @Test("does not pass for installed where another route has its place, which is left alone")
  func taken() throws {
    let namespace = try TestNamespace()
    try namespace.ip("-6", "route", "add", "blackhole", "fd87:d87e:eb43::/48", "metric", "4096", "proto", "static")
    var privileges = try Privileges(namespace.settings())
    #expect(throws: PrivilegeError.leakGuardTaken(.ipv6(OverlayNetwork.tor.prefix), metric: 4096)) {
      try privileges.installLeakGuard().state
    }
    _ = try privileges.perform(.removeLeakGuards)
    #expect(try namespace.routes().map(\.type) == ["blackhole"])
  }

  @Test("stands, or says that it cannot, while lo is down")
  func loopbackDown() throws {
    let namespace = try TestNamespace(loopbackUp: false)
    var privileges = try Privileges(namespace.settings())
    let state = try privileges.installLeakGuard().state
    #expect(try namespace.routes() == (state == .loopbackDown ? [] : [.leakGuard]))
    try namespace.ip("link", "set", "lo", "up")
    _ = try privileges.installLeakGuard()
    #expect(try namespace.routes() == [.leakGuard])
  }

  @Test("is asked for by a rule before those of other VPNs, whose tables lead elsewhere")
  func otherVPNs() throws {
    let namespace = try TestNamespace()
    try namespace.addClearLink()
    for table in ["main", "51820", "52"] {
      try namespace.ip("-6", "route", "add", "default", "dev", "clear0", "table", table)
    }
    // What wg-quick(8) and Tailscale add.
    try namespace.ip("-6", "rule", "add", "not", "fwmark", "51820", "table", "51820", "priority", "32764")
    try namespace.ip("-6", "rule", "add", "table", "main", "suppress_prefixlength", "0", "priority", "32763")
    try namespace.ip("-6", "rule", "add", "fwmark", "0x80000/0xff0000", "table", "main", "priority", "5210")
    try namespace.ip("-6", "rule", "add", "fwmark", "0x80000/0xff0000", "table", "default", "priority", "5230")
    try namespace.ip("-6", "rule", "add", "table", "52", "priority", "5270")
    let route = { try namespace.ip("-6", "route", "get", "fd87:d87e:eb43::1") }
    #expect(try route().contains("dev clear0"))
    do {
      var privileges = try Privileges(namespace.settings())
      #expect(try privileges.installLeakGuard().overridingRules == [])
      let tunnel = try privileges.openTunnel()
      _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
      #expect(try route().contains("dev \(tunnel.name)"))
      #expect(try route().contains("src \(IPv6Address.overlay(0x1234))"))
    }
    #expect(namespace.waitUntilGone())
    #expect(throws: TestNamespace.Failure.self) { try route() }
    var privileges = try Privileges(guarding: namespace.settings())
    let guarded = try privileges.lookForLeakGuards()
    #expect(guarded == [.ipv6(OverlayNetwork.tor.prefix)])
    _ = try privileges.perform(.removeLeakGuards)
    #expect(try route().contains("dev clear0"))
    let left = try privileges.lookForLeakGuards()
    #expect(left == [])
  }

  @Test("a rule of others that comes before ours is told of, when it is there and when it is added")
  func overridden() throws {
    let namespace = try TestNamespace()
    try namespace.ip("-6", "rule", "add", "table", "52", "priority", "100")
    try namespace.ip("-6", "rule", "add", "to", "2001:db8::/32", "table", "52", "priority", "101")
    var privileges = try Privileges(namespace.settings())
    #expect(try privileges.installLeakGuard().overridingRules == [100])
    var monitor = try privileges.openMonitor()
    try namespace.ip("-6", "rule", "add", "to", "fd87:d87e:eb43::/48", "table", "53", "priority", "99")
    #expect(monitor.changes(through: .overridingRuleAdded).contains(.overridingRuleAdded))
    #expect(try privileges.installLeakGuard().overridingRules == [99, 100])
  }

  @Test("a rule of others that is added without a number comes before ours, which moves before it, and back")
  func unnumberedRule() throws {
    let namespace = try TestNamespace()
    try namespace.addClearLink()
    try namespace.ip("-6", "route", "add", "default", "dev", "clear0", "table", "51820")
    var privileges = try Privileges(namespace.settings())
    var monitor = try privileges.openMonitor()
    _ = try privileges.installLeakGuard()
    monitor.drain { _ in }
    let isGuarded = { (try? namespace.ip("-6", "route", "get", "fd87:d87e:eb43::1")) == nil }
    #expect(isGuarded())
    // As wg-quick(8) does it.
    try namespace.ip("-6", "rule", "add", "not", "fwmark", "51820", "table", "51820")
    try namespace.ip("-6", "rule", "add", "table", "main", "suppress_prefixlength", "0")
    #expect(monitor.changes(through: .overridingRuleAdded).contains(.overridingRuleAdded))
    let report = try privileges.installLeakGuard()
    #expect(report.state == .installed && report.overridingRules == [2349])
    #expect(isGuarded())
    monitor.drain { #expect($0 != .leakGuardLost, "we moved it ourselves") }
    #expect(try privileges.installLeakGuard().state == .adopted)
    try namespace.ip("-6", "rule", "del", "not", "fwmark", "51820", "table", "51820")
    #expect(try privileges.installLeakGuard().state == .installed)
    #expect(try namespace.ip("-6", "rule", "show", "priority", "2350").contains("fd87:d87e:eb43::/48"))
    let guarded = try privileges.lookForLeakGuards()
    #expect(guarded == [.ipv6(OverlayNetwork.tor.prefix)])
  }

  @Test("a route of others that is better than ours is told of, when it is there and when it is added")
  func overriddenByRoute() throws {
    let namespace = try TestNamespace()
    try namespace.addClearLink()
    // A network that the host is in, and what it serves, are meant to count.
    try namespace.ip("addr", "add", "fd00:1:0:7::1/64", "dev", "clear0", "nodad")
    let add = { (route: [String]) in try namespace.run(["-6", "route", "add"] + route + ["dev", "clear0"]) }
    for route in ["2001:db8::/32", "fd87:d87e:eb42::/47", "fd00:1:0:8::/64"] { try add([route]) }
    var settings = try namespace.settings()
    settings.routes = [try #require(IPPrefix("fd00:1::/32"))]
    settings.served = [try #require(IPPrefix("fd00:1:0:8::/61"))]
    var privileges = try Privileges(settings)
    #expect(try privileges.installLeakGuard().overridingRoutes == [])
    try add(["fd87:d87e:eb43:0:1::/80"])
    let better = try #require(IPPrefix("fd87:d87e:eb43:0:1::/80"))
    #expect(try privileges.installLeakGuard().overridingRoutes == [better])
    var monitor = try privileges.openMonitor()
    try add(["fd87:d87e:eb43::/48", "metric", "10"])
    #expect(monitor.changes(through: .overridingRouteAdded).contains(.overridingRouteAdded))
    #expect(try privileges.installLeakGuard().overridingRoutes == [better, .ipv6(OverlayNetwork.tor.prefix)])
  }

  @Test("all addresses are guarded as two halves, which a default route of any metric comes after")
  func everything() throws {
    let namespace = try TestNamespace()
    try namespace.addClearLink()
    try namespace.ip("-4", "addr", "add", "192.0.2.1/24", "dev", "clear0")
    try namespace.ip("-4", "route", "add", "default", "dev", "clear0")
    try namespace.ip("-6", "route", "add", "default", "dev", "clear0", "metric", "1")
    var settings = try namespace.settings()
    settings.routes = try ["0.0.0.0/0", "::/0", "::/1"].map { try #require(IPPrefix($0)) }
    var privileges = try Privileges(guarding: settings)
    _ = try privileges.installLeakGuard()
    let guarded = try privileges.lookForLeakGuards().map(\.description)
    #expect(guarded == ["0.0.0.0/1", "128.0.0.0/1", "8000::/1", "::/1", "fd87:d87e:eb43::/48"])
    for address in ["9.9.9.9", "200.1.1.1", "2600::1", "9000::1"] {
      #expect(throws: TestNamespace.Failure.self) { try namespace.ip("route", "get", address) }
    }
    #expect(try namespace.ip("route", "get", "192.0.2.7").contains("dev clear0"))
  }

  @Test("one place that is taken keeps nothing else from being guarded")
  func oneTaken() throws {
    let namespace = try TestNamespace()
    try namespace.ip("-6", "route", "add", "blackhole", "fd00:1::/48", "metric", "4096", "proto", "static")
    var settings = try namespace.settings()
    settings.routes = try ["fd00:1::/48", "fd00:2::/48"].map { try #require(IPPrefix($0)) }
    var privileges = try Privileges(guarding: settings)
    #expect(throws: PrivilegeError.self) { try privileges.installLeakGuard() }
    let guarded = try privileges.lookForLeakGuards().map(\.description)
    #expect(guarded == ["fd00:2::/48", "fd87:d87e:eb43::/48"])
  }

  @Test(
    "what others take of it is told, and put back",
    arguments: [
      ["-6", "rule", "del", "priority", "2350"], ["-6", "rule", "del", "priority", "2351"],
      ["-6", "route", "flush", "proto", "235"],
    ])
  func restored(command: [String]) throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    _ = try privileges.installLeakGuard()
    var monitor = try privileges.openMonitor()
    try namespace.run(command)
    #expect(monitor.changes(through: .leakGuardLost).contains(.leakGuardLost))
    let before = try privileges.lookForLeakGuards()
    #expect(before == [])
    #expect(try privileges.installLeakGuard().state == .installed)
    let after = try privileges.lookForLeakGuards()
    #expect(after == [.ipv6(OverlayNetwork.tor.prefix)])
  }
}

extension TestNamespace {
  /// Adds a link, `clear0`, that leads out of the namespace in the clear.
  fileprivate func addClearLink() throws {
    try ip("link", "add", "clear0", "type", "veth", "peer", "name", "clear1")
    for link in ["clear0", "clear1"] { try ip("link", "set", link, "up") }
  }
}
