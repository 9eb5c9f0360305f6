import OverlayCore
import OverlayIO
import PacketSamples
import Testing

@Suite("The interface keeper")
struct InterfaceKeepingTests {
  @Test("with monitor and privileges, puts right what was done to a real interface")
  func together() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    _ = try privileges.installLeakGuard()
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
    var monitor = try privileges.openMonitor()
    var keeper = InterfaceKeeper(interface: "oncilla0", mtu: 1500, prefix: OverlayNetwork.tor.prefix)
    let start = Instant(nanoseconds: 1_000_000_000_000)

    try namespace.ip("-6", "route", "flush", "fd87:d87e:eb43::/48")
    try namespace.ip("link", "set", tunnel.name, "down")
    try namespace.ip("link", "set", tunnel.name, "up")
    for change in monitor.changes(through: .cameUp) { keeper.observe(change) }
    for case .perform(let repair) in keeper.actions(at: start) {
      _ = try privileges.perform(PrivilegedRequest(repair))
      #expect(keeper.finished(repair, failure: nil, at: start) == nil)
    }
    #expect(try namespace.routes() == [.interface, .leakGuard])
    #expect(try namespace.link().addresses == [ShownLink.Address(local: "fd87:d87e:eb43::1234", prefixlen: 48)])

    // What was put right is no change to put right again.
    monitor.drain { keeper.observe($0) }
    #expect(keeper.actions(at: start).isEmpty)
  }
}
