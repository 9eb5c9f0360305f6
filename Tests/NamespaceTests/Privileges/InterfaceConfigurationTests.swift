import Glibc
import OverlayCore
import PacketSamples
import Testing

@testable import OverlayIO

@Suite("Configuring the interface")
struct InterfaceConfigurationTests {
  private let address = IPv6Address.overlay(0x1234)
  private let shownAddress = ShownLink.Address(local: "fd87:d87e:eb43::1234", prefixlen: 48)

  @Test("sets the address, the MTU and the link, and nothing else", arguments: [1280, 1500, 9000])
  func configure(mtu: Int) throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings(mtu: #require(InterfaceMTU(bytes: mtu))))
    let guarding = try privileges.installLeakGuard().state
    #expect(guarding == .installed)
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([address]))

    let link = try namespace.link(tunnel.name)
    #expect(link.addresses == [shownAddress])
    #expect(link.mtu == mtu)
    #expect(link.flags.contains("UP"))
    #expect(try namespace.routes() == [.interface, .leakGuard])
  }

  @Test(
    "connections begin with 192 KiB on their way, but no less than the kernel's ten segments",
    arguments: [(1280, 153), (1500, 131), (9000, 21), (65521, 10)])
  func initialWindow(mtu: Int, segments: Int) throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings(mtu: #require(InterfaceMTU(bytes: mtu))))
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([address]))
    func check(_ segments: Int) throws {
      let route = try namespace.ip("-6", "route", "get", "fd87:d87e:eb43::7")
      #expect(route.contains(" dev \(tunnel.name) ") && route.contains(" initcwnd \(segments) "), "\(route)")
    }
    try check(segments)
    try namespace.run(["-6", "route", "del", "fd87:d87e:eb43::/48", "dev", tunnel.name])
    _ = try privileges.perform(.restoreInterface)
    try check(segments)
    // The kernel makes its route anew, and what an operator set meanwhile counts.
    for step in [["down"], ["mtu", "3000"], ["up"]] { try namespace.run(["link", "set", tunnel.name] + step) }
    _ = try privileges.perform(.restoreInterface)
    try check(65)
  }

  @Test(
    "the route of another interface with the prefix stays as it is",
    arguments: [
      ["addr", "add", "fd87:d87e:eb43::99/48", "dev", "other0", "nodad"],
      ["route", "add", "fd87:d87e:eb43::/48", "dev", "other0", "metric", "256", "proto", "static"],
    ])
  func anotherOverlay(command: [String]) throws {
    let namespace = try TestNamespace()
    try namespace.run(["tuntap", "add", "other0", "mode", "tun"])
    try namespace.run(["link", "set", "other0", "up"])
    try namespace.run(["-6"] + command)
    var privileges = try Privileges(namespace.settings())
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([address]))
    _ = try privileges.perform(.restoreInterface)
    #expect(try namespace.routes().map(\.dev).sorted() == [tunnel.name, "other0"])
  }

  @Test("the address can be used at once, without duplicate address detection")
  func noTentativeAddress() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([address]))
    #expect(try namespace.ip("-6", "addr", "show", "dev", tunnel.name, "tentative") == "")
  }

  @Test("done twice, it changes nothing")
  func idempotent() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([address]))
    _ = try privileges.perform(.configureInterface([address]))
    #expect(try namespace.link(tunnel.name).addresses == [shownAddress])
    #expect(try namespace.routes() == [.interface])
  }

  @Test(
    "what others remove is restored",
    arguments: [
      [["link", "set", "oncilla0", "down"], ["link", "set", "oncilla0", "up"]],
      [["-6", "addr", "flush", "dev", "oncilla0"]],
      [["-6", "route", "del", "fd87:d87e:eb43::/48", "dev", "oncilla0"]],
      [["link", "set", "oncilla0", "mtu", "1000"]],
    ])
  func restore(commands: [[String]]) throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([address]))
    for command in commands { try namespace.run(command) }
    #expect(try namespace.routes() == [])

    _ = try privileges.perform(.restoreInterface)
    let link = try namespace.link(tunnel.name)
    #expect(link.addresses == [shownAddress])
    #expect(link.flags.contains("UP"))
    #expect(link.mtu == 1500)
    #expect(try namespace.routes() == [.interface])
  }

  @Test("restoring keeps a link down that was set down, and an MTU that was chosen")
  func restoreKeepsChoices() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([address]))
    try namespace.ip("link", "set", "oncilla0", "down", "mtu", "9000")

    _ = try privileges.perform(.restoreInterface)
    let link = try namespace.link(tunnel.name)
    #expect(!link.flags.contains("UP"))
    #expect(link.mtu == 9000)
  }

  @Test("the program stays in the network namespace it was started in")
  func namespaceUntouched() throws {
    let before = try [link("/proc/self/ns/net"), link("/proc/thread-self/ns/net")]
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    let tunnel = try privileges.openTunnel()
    #expect(try [link("/proc/self/ns/net"), link("/proc/thread-self/ns/net")] == before)
    #expect(try namespace.link(tunnel.name).ifname == "oncilla0")
    #expect(if_nametoindex("oncilla0") == 0)
  }

  private func link(_ path: String) throws -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    let count = try SystemCall.perform("readlink \(path)") { readlink(path, &buffer, buffer.count) }
    return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
