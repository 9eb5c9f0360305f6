import OverlayCore
import OverlayIO
import Testing

@Suite("The leak guard")
struct LeakGuardTests {
  @Test("makes the overlay unreachable when the interface is gone")
  func guardsAlone() throws {
    let namespace = try TestNamespace()
    try namespace.ip("link", "add", "clear0", "type", "veth", "peer", "name", "clear1")
    try namespace.ip("link", "set", "clear0", "up")
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
    try namespace.ip("link", "add", "clear0", "type", "veth", "peer", "name", "clear1")
    for link in ["clear0", "clear1"] { try namespace.ip("link", "set", link, "up") }
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

  @Test(
    "what others take of it is told, and put back",
    arguments: [
      ["-6", "rule", "del", "priority", "2350"], ["-6", "route", "flush", "table", "235"],
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
