import Glibc
import OverlayCore
import OverlayIO
import PacketSamples
import Testing

@Suite("The tunnel device")
struct TunnelDeviceTests {
  private let here = IPv6Address.overlay(0x1)
  private let there = IPv6Address.overlay(0x2)

  @Test("the kernel answers an echo request that is written, and the answer is read")
  func echo() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([here]))

    let payload = Array("oncilla".utf8)
    let request = EchoPacket(.request, from: there, to: here, payload: payload)
    let answer = tunnel.answer(to: request)
    #expect(answer == EchoPacket(.reply, from: here, to: there, payload: payload))
  }

  @Test("a read without a waiting packet brings nothing")
  func nothing() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    let tunnel = try privileges.openTunnel()
    var buffer = [UInt8](repeating: 0, count: 2048)
    let outcome = buffer.withUnsafeMutableBytes { tunnel.read(into: $0) }
    #expect(outcome == .nothing)
  }

  @Test(
    "a packet that the kernel does not take is refused, and the device goes on",
    arguments: [
      (isUp: false, bytes: EchoPacket(.request, from: .overlay(2), to: .overlay(1), payload: []).bytes, error: EIO),
      (isUp: true, bytes: [0x50] + [UInt8](repeating: 0, count: 39), error: EINVAL),
      (isUp: true, bytes: [], error: EINVAL),
    ])
  func refused(isUp: Bool, bytes: [UInt8], error: Int32) throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([here]))
    if !isUp { try namespace.ip("link", "set", "oncilla0", "down") }
    let outcome = bytes.withUnsafeBytes { tunnel.write($0) }
    #expect(outcome == .refused(SystemError(call: "write to the tunnel", number: error)))
  }

  @Test("once the interface is deleted, read and write say that the device is gone")
  func deleted() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([here]))
    try namespace.ip("link", "delete", "oncilla0")

    var buffer = [UInt8](repeating: 0, count: 2048)
    let read = buffer.withUnsafeMutableBytes { tunnel.read(into: $0) }
    #expect(read == .gone(SystemError(call: "read from the tunnel", number: EBADFD)))
    let packet = EchoPacket(.request, from: there, to: here, payload: []).bytes
    let write = packet.withUnsafeBytes { tunnel.write($0) }
    #expect(write == .gone(SystemError(call: "write to the tunnel", number: EBADFD)))
  }

  @Test("closing the device removes the interface")
  func closed() throws {
    let namespace = try TestNamespace()
    do {
      var privileges = try Privileges(namespace.settings())
      let tunnel = try privileges.openTunnel()
      let shown = try namespace.link(tunnel.name)
      #expect(shown.ifname == "oncilla0")
    }
    #expect(namespace.waitUntilGone())
  }
}
