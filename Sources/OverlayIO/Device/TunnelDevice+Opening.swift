import CLinux
import Glibc
import OverlayCore

extension TunnelDevice {
  /// The node that tunnels are opened through; `Documentation/networking/tuntap.rst`.
  static let path = "/dev/net/tun"

  /// The driver's flags (`<linux/if_tun.h>`). `IFF_TUN_EXCL` refuses an interface that exists already: one that
  /// another program holds, or one that would outlive us.
  private static func flags(_ mode: InterfaceMode) -> UInt16 {
    UInt16(mode == .tun ? IFF_TUN : IFF_TAP) | UInt16(IFF_NO_PI) | UInt16(IFF_TUN_EXCL)
  }

  /// What the kernel may leave to us, the best first. It has to know how to split UDP over both versions of IP
  /// (Linux 6.2) to do it over one.
  static let offloads: [UInt32] = {
    let tcp = UInt32(TUN_F_CSUM) | UInt32(TUN_F_TSO6)
    let tcpWithECN = tcp | UInt32(TUN_F_TSO_ECN)
    return [tcpWithECN | UInt32(TUN_F_USO4) | UInt32(TUN_F_USO6), tcpWithECN, tcp]
  }()

  /// Those that leave IPv4 whole, whose super-packets we cannot cut.
  static let offloadsBesideIPv4 = offloads.filter { $0 & UInt32(TUN_F_USO4) == 0 }

  /// The node, opened: an interface attached to it will belong to the network namespace the thread is in now.
  static func openNode() throws(SystemError) -> FileDescriptor {
    try SystemCall.open(path, O_RDWR | O_NONBLOCK)
  }

  /// Makes the interface and binds it to the open node. The first of `offloads` that the kernel accepts is used, none
  /// if it accepts none; an empty list asks for no header at all.
  static func attach(
    _ node: borrowing FileDescriptor, name: String, mode: InterfaceMode = .tun, offloads: [UInt32]
  ) throws(SystemError) -> TunnelFraming {
    let number = node.number
    if !offloads.isEmpty {
      do throws(SystemError) {
        try SystemCall.attachTunnel(number, name, flags(mode) | UInt16(IFF_VNET_HDR))
        return offloads.contains { accepts($0, number) } ? .offload : .emptyHeader
      } catch {
        // The kernel says so of a mode that it does not know, and of a name, which the next attempt will tell.
        guard error.number == EINVAL else { throw error }
      }
    }
    try SystemCall.attachTunnel(number, name, flags(mode))
    return .bare
  }

  private static func accepts(_ offloads: UInt32, _ tunnel: Int32) -> Bool {
    do throws(SystemError) {
      try SystemCall.setOffload(tunnel, offloads)
      return true
    } catch {
      return false
    }
  }
}
