import Glibc
import OverlayCore
import OverlayIO
import PacketSamples
import Testing

@Suite("The interface monitor")
struct InterfaceMonitorTests {
  private static let route = ["-6", "route", "del", "fd87:d87e:eb43::/48"]

  @Test(
    "tells what was done to the interface and to the leak guard",
    arguments: [
      (["link", "set", "oncilla0", "down"], [.wentDown, .prefixRouteLost, .addressLost]),
      (["link", "set", "oncilla0", "mtu", "9000"], [.mtuChanged(9000)]),
      (
        ["link", "set", "oncilla0", "mtu", "1000"],
        [.mtuChanged(1000), .prefixRouteLost, .addressLost]
      ),
      (["link", "delete", "oncilla0"], [.wentDown, .prefixRouteLost, .addressLost, .deleted]),
      (["-6", "addr", "flush", "dev", "oncilla0"], [.addressLost, .prefixRouteLost]),
      (route + ["dev", "oncilla0"], [.prefixRouteLost]),
      (route + ["dev", "lo"], [.leakGuardLost]),
      (["-6", "route", "replace", "blackhole", "fd87:d87e:eb43::/48", "metric", "4096"], [.leakGuardLost]),
      (["link", "set", "lo", "down"], [.leakGuardLost]),
    ] as [([String], [InterfaceChange])])
  func changes(command: [String], expected: [InterfaceChange]) throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    _ = try privileges.installLeakGuard()
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
    var monitor = try privileges.openMonitor()
    #expect(tunnel.index > 1)

    try namespace.run(command)
    let changes = monitor.changes(through: expected[expected.count - 1])
    #expect(changes == expected)
  }

  @Test("tells that the link and lo came up")
  func cameUp() throws {
    let namespace = try TestNamespace(loopbackUp: false)
    var privileges = try Privileges(namespace.settings())
    let tunnel = try privileges.openTunnel()
    var monitor = try privileges.openMonitor()
    try namespace.ip("link", "set", tunnel.name, "up")
    try namespace.ip("link", "set", "lo", "up")
    let changes = monitor.changes(through: .loopbackCameUp)
    #expect(changes == [.cameUp, .loopbackCameUp])
  }

  @Test("hears of the leak guard before there is an interface, and of the interface once it is made")
  func early() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    var monitor = try privileges.openMonitor()
    _ = try privileges.installLeakGuard()
    try namespace.run(InterfaceMonitorTests.route)
    #expect(monitor.changes(through: .leakGuardLost) == [.leakGuardLost])

    let tunnel = try privileges.openTunnel()
    monitor.watch(tunnel)
    _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
    #expect(monitor.changes(through: .cameUp) == [.cameUp])
    try namespace.ip("link", "set", tunnel.name, "mtu", "9000")
    #expect(monitor.changes(through: .mtuChanged(9000)) == [.mtuChanged(9000)])
    try namespace.ip("link", "delete", tunnel.name)
    #expect(monitor.changes(through: .deleted).last == .deleted)
  }

  @Test("leaves out other interfaces, other addresses and other routes")
  func silence() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    _ = try privileges.installLeakGuard()
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
    var monitor = try privileges.openMonitor()

    try namespace.ip("link", "add", "other0", "type", "veth", "peer", "name", "other1")
    try namespace.ip("link", "set", "other0", "up")
    try namespace.ip("-6", "addr", "add", "fd87:d87e:eb43::77/48", "dev", "other0", "nodad")
    try namespace.ip("-6", "addr", "add", "fe80::1/64", "dev", tunnel.name, "nodad")
    try namespace.ip("-6", "addr", "add", "2001:db8::1/64", "dev", tunnel.name)
    try namespace.ip("-6", "addr", "del", "2001:db8::1/64", "dev", tunnel.name)
    try namespace.ip("-6", "route", "add", "unreachable", "fd87:d87e:eb43::/48", "metric", "4097")
    try namespace.ip("-6", "route", "del", "unreachable", "fd87:d87e:eb43::/48", "metric", "4097")
    try namespace.ip("link", "delete", "other0")
    // The only change that is ours, and the sign that all before it was read.
    try namespace.ip("link", "set", tunnel.name, "mtu", "1400")
    let changes = monitor.changes(through: .mtuChanged(1400))
    #expect(changes == [.mtuChanged(1400)])
  }

  @Test("tells of a link-local address where there is to be none, and of nobody's other address")
  func linkLocalAddress() throws {
    let namespace = try TestNamespace()
    var settings = try namespace.settings()
    settings.mode = .tap
    settings.hasAddress = false
    var privileges = try Privileges(settings)
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([]))
    var monitor = try privileges.openMonitor()

    try namespace.ip("-6", "addr", "add", "2001:db8::1/64", "dev", tunnel.name, "nodad")
    try namespace.ip("-6", "addr", "add", "fe80::1/64", "dev", tunnel.name, "nodad")
    #expect(monitor.changes(through: .linkLocalAddressAdded) == [.linkLocalAddressAdded])
    _ = try privileges.perform(.restoreInterface)
    let left = try namespace.link(tunnel.name).addresses
    #expect(left == [ShownLink.Address(local: "2001:db8::1", prefixlen: 64)])
  }

  @Test("tells of lost messages, and finds out what became of the link")
  func overflow() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
    var monitor = try privileges.openMonitor()
    var size: Int32 = 8192
    setsockopt(monitor.descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    for number in 1...64 {
      try namespace.ip("-6", "addr", "add", "2001:db8::\(number)/128", "dev", tunnel.name, "nodad")
    }
    try namespace.ip("link", "set", tunnel.name, "down")
    let changes = monitor.changes(through: .wentDown)
    #expect(changes.contains(.overflow))
    #expect(changes.contains(.wentDown))
  }
}
