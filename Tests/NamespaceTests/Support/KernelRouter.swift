import CLinux
import Glibc
import OverlayCore
import Testing

@testable import OverlayIO

/// A namespace whose kernel forwards what is written into one tunnel out of another.
///
///     front0 (the overlay) ── kernel ── back0 (fd00:2::/48)
final class KernelRouter {
  /// An address behind the back tunnel.
  static let destination = IPv6Address(high: 0xfd00_0002_0000_0000, low: 9)
  private static let backPrefix = IPv6Prefix(
    IPv6Address(high: 0xfd00_0002_0000_0000, low: 0), length: 48)

  let namespace: TestNamespace
  let front: TunnelDevice
  let back: TunnelDevice

  /// A router whose front tunnel takes what this program leaves to the kernel, or else coalesces segments itself.
  init(backOffload: Bool = false, coalescing: Bool = false) throws {
    namespace = try TestNamespace()
    try namespace.execute("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
    let prefix = try #require(KernelRouter.backPrefix)
    back = try KernelRouter.open(namespace.settings(prefix: prefix, offload: backOffload, interface: "back0"))
    if coalescing {
      front = try KernelRouter.coalescing(namespace)
    } else {
      front = try KernelRouter.open(namespace.settings(interface: "front0"))
    }
  }

  private static func open(_ settings: InterfaceSettings) throws -> TunnelDevice {
    var privileges = try Privileges(settings)
    let tunnel = try privileges.openTunnel()
    var address = settings.prefix.address
    address.low = 1
    _ = try privileges.perform(.configureInterface([address]))
    return tunnel
  }

  /// A tunnel whose packets go through GRO, which holds segments back for a while.
  private static func coalescing(_ namespace: TestNamespace) throws -> TunnelDevice {
    let node = try NetworkNamespace.run(in: NamespaceName(namespace.name)) { () throws(PrivilegeError) in
      do throws(SystemError) { return try TunnelDevice.openNode() } catch { throw .failed(act: "open", error) }
    }
    let number = node.number
    let mode = UInt16(IFF_TUN) | UInt16(IFF_NO_PI) | UInt16(IFF_NAPI)
    try SystemCall.perform("TUNSETIFF") { oncilla_tunnel_attach(number, "front0", mode) }
    try namespace.ip("addr", "add", "fd87:d87e:eb43::1/48", "dev", "front0", "nodad")
    try namespace.ip("link", "set", "front0", "up")
    try namespace.execute("sh", "-c", "echo 50000000 > /sys/class/net/front0/gro_flush_timeout")
    return TunnelDevice(attached: node, name: "front0", index: 0, framing: .bare)
  }

  /// What leaves the back tunnel and is addressed to `destination`: as many packets as are expected, and those that
  /// come in spite of that. Waits for each of them at most so long.
  func received(_ count: Int, waiting milliseconds: Int32 = 2000) -> [(header: OffloadHeader, bytes: [UInt8])] {
    var frames: [(OffloadHeader, [UInt8])] = []
    var buffer = [UInt8](repeating: 0, count: TunnelDevice.bufferSize)
    while isReadable(back.descriptor, milliseconds: frames.count < count ? milliseconds : 20) {
      guard case .packet(let header, let range) = buffer.withUnsafeMutableBytes({ back.read(into: $0) }) else { break }
      let bytes = Array(buffer[range])
      if bytes.count >= 40, IPv6Address(bytes: bytes[24..<40]) == KernelRouter.destination {
        frames.append((header, bytes))
      }
    }
    return frames
  }

  /// Writes one packet into the front tunnel.
  func write(_ bytes: [UInt8], _ header: OffloadHeader = .none) -> TunnelWrite {
    bytes.withUnsafeBytes { bytes in
      withUnsafePointer(to: bytes) { front.write(UnsafeBufferPointer(start: $0, count: 1), header) }
    }
  }
}

extension [UInt8] {
  /// The packet as a router passes it on.
  var forwarded: [UInt8] {
    var copy = self
    copy[7] -= 1
    return copy
  }
}
