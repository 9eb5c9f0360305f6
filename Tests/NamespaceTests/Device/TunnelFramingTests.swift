import Glibc
import OverlayCore
import PacketSamples
import Testing

@testable import OverlayIO

@Suite("Falling back from offload")
struct TunnelFramingTests {
  private let here = IPv6Address.overlay(1)
  private let there = IPv6Address.overlay(2)

  /// A tunnel for which the kernel is asked for the first of these that it accepts.
  private func tunnel(in namespace: TestNamespace, offloads: [UInt32]) throws -> TunnelDevice {
    let node = try NetworkNamespace.run(in: NamespaceName(namespace.name)) { () throws(PrivilegeError) in
      do throws(SystemError) {
        return try TunnelDevice.openNode()
      } catch {
        throw .failed(act: "open", error)
      }
    }
    let framing = try TunnelDevice.attach(node, name: "oncilla0", offloads: offloads)
    try namespace.ip("addr", "add", "\(here)/48", "dev", "oncilla0", "nodad")
    try namespace.ip("link", "set", "oncilla0", "up")
    return TunnelDevice(attached: node, name: "oncilla0", index: 0, framing: framing)
  }

  private static let unknown: UInt32 = 0x8000
  static let offers: [([UInt32], TunnelFraming)] = [
    ([], .bare), ([unknown], .emptyHeader), ([unknown, unknown | 1], .emptyHeader), (TunnelDevice.offloads, .offload),
    ([unknown] + TunnelDevice.offloads.dropFirst(), .offload), ([unknown] + TunnelDevice.offloads.suffix(1), .offload),
  ]

  @Test("whatever the kernel accepts, packets go both ways", arguments: offers)
  func answers(offloads: [UInt32], framing: TunnelFraming) throws {
    let namespace = try TestNamespace()
    let tunnel = try tunnel(in: namespace, offloads: offloads)
    let isOffloading = tunnel.isOffloading
    #expect(isOffloading == (framing == .offload))
    let request = EchoPacket(.request, from: there, to: here, payload: Array("oncilla".utf8))
    #expect(tunnel.answer(to: request) == EchoPacket(.reply, from: here, to: there, payload: request.payload))
  }

  @Test("a device that does not offload refuses what it cannot tell the kernel", arguments: offers)
  func refused(offloads: [UInt32], framing: TunnelFraming) throws {
    let namespace = try TestNamespace()
    let tunnel = try tunnel(in: namespace, offloads: offloads)
    var packet = SamplePacket.tcp(SamplePacket.payload(4_000))
    packet.checksum = .partial
    let outcome = packet.bytes.withUnsafeBytes { bytes in
      withUnsafePointer(to: bytes) {
        tunnel.write(UnsafeBufferPointer(start: $0, count: 1), packet.offload(size: 1_400))
      }
    }
    let refusal = TunnelWrite.refused(SystemError(call: "write to the tunnel", number: EINVAL))
    #expect(outcome == (framing == .offload ? .written : refusal))
  }

  @Test("the settings say whether the kernel is asked at all", arguments: [true, false])
  func settings(offload: Bool) throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings(offload: offload))
    let tunnel = try privileges.openTunnel()
    let isOffloading = tunnel.isOffloading
    #expect(isOffloading == offload)
  }

  @Test("a name that exists is told with and without offload", arguments: [true, false])
  func exists(offload: Bool) throws {
    let namespace = try TestNamespace()
    var first = try Privileges(namespace.settings())
    let tunnel = try first.openTunnel()
    var second = try Privileges(namespace.settings(offload: offload))
    #expect(throws: PrivilegeError.interfaceExists(tunnel.name)) { _ = try second.openTunnel() }
  }

  @Test("more runs than a packet may have are refused")
  func runs() throws {
    let namespace = try TestNamespace()
    let tunnel = try tunnel(in: namespace, offloads: TunnelDevice.offloads)
    let bytes = SamplePacket.udp(SamplePacket.payload(100)).bytes
    let outcomes = [0, 1, 64, 65].map { count in
      bytes.withUnsafeBytes { bytes in
        let runs = (0..<count).map { index in
          UnsafeRawBufferPointer(rebasing: bytes[index..<(index + 1 == count ? bytes.count : index + 1)])
        }
        return runs.withUnsafeBufferPointer { tunnel.write($0, .none) } == .written
      }
    }
    #expect(outcomes == [false, true, true, false])
  }
}
