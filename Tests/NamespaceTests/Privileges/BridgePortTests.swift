import OverlayCore
import OverlayIO
import PacketSamples
import Testing

@Suite("A TAP interface and bridges")
struct BridgePortTests {
  private func settings(in namespace: TestNamespace, hasAddress: Bool) throws -> InterfaceSettings {
    var settings = try namespace.settings()
    settings.mode = .tap
    settings.hasAddress = hasAddress
    return settings
  }

  private func multicastRouter(_ namespace: TestNamespace) throws -> String {
    try namespace.execute("cat", "/sys/class/net/oncilla0/brport/multicast_router")
  }

  @Test("joining a bridge is told, and so is joining another one; each gives the port all multicast")
  func joins() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(settings(in: namespace, hasAddress: false))
    var monitor = try privileges.openMonitor()
    let tunnel = try privileges.openTunnel()
    monitor.watch(tunnel)
    _ = try privileges.perform(.configureInterface([]))
    for bridge in ["br0", "br1"] {
      try namespace.ip("link", "add", bridge, "type", "bridge")
      try namespace.ip("link", "set", bridge, "up")
      try namespace.ip("link", "set", tunnel.name, "master", bridge)
      #expect(monitor.changes(through: .joinedBridge).contains(.joinedBridge))
      #expect(try multicastRouter(namespace) == "1\n")
      _ = try privileges.perform(.becomeMulticastRouterPort)
      #expect(try multicastRouter(namespace) == "2\n")
    }
    try namespace.ip("link", "set", tunnel.name, "down")
    try namespace.ip("link", "set", tunnel.name, "up")
    #expect(!monitor.changes(through: .cameUp).contains(.joinedBridge))
    _ = try privileges.perform(.restoreInterface)
    #expect(try multicastRouter(namespace) == "2\n")
    #expect(try namespace.link(tunnel.name).addresses == [])
  }

  @Test("the port of nothing is left as it is")
  func noBridge() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(settings(in: namespace, hasAddress: false))
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.becomeMulticastRouterPort)
    #expect(tunnel.index > 1)
  }

  @Test("a bridge keeps the MAC address of its other ports")
  func highestAddress() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(settings(in: namespace, hasAddress: false))
    let tunnel = try privileges.openTunnel()
    let address = try tunnel.kernelAddress()
    #expect(address.description.hasPrefix("fe:"))
    #expect(try namespace.ip("link", "show", "dev", tunnel.name).contains("link/ether \(address)"))
  }

  @Test("with an address it has a link-local one, too, at once")
  func linkLocal() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(settings(in: namespace, hasAddress: true))
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
    let hardware = try tunnel.kernelAddress().description.split(separator: ":").compactMap {
      UInt8($0, radix: 16)
    }
    let expected = IPv6Address(
      bytes: [0xfe, 0x80, 0, 0, 0, 0, 0, 0, hardware[0] ^ 2] + hardware[1...2] + [0xff, 0xfe] + hardware[3...])
    let addresses = try namespace.link(tunnel.name).addresses
    #expect(Set(addresses.map(\.local)) == ["fd87:d87e:eb43::1234", "\(try #require(expected))"])
    #expect(try namespace.ip("-6", "addr", "show", "dev", tunnel.name, "tentative") == "")
    #expect(try namespace.routes() == [.interface])
  }
}
