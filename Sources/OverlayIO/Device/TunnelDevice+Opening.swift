import CLinux
import Glibc
import OverlayCore

extension TunnelDevice {
  /// The device node through which tunnels are opened (`Documentation/networking/tuntap.rst`).
  static let path = "/dev/net/tun"

  /// The driver's flags (`<linux/if_tun.h>`). `IFF_TUN_EXCL` refuses an interface that exists already: one of another
  /// program, or one that would outlive this one.
  private static func flags(_ mode: InterfaceMode) -> UInt16 {
    UInt16(mode == .tun ? IFF_TUN : IFF_TAP) | UInt16(IFF_NO_PI) | UInt16(IFF_TUN_EXCL)
  }

  /// The kinds of offload that the kernel is asked for, the best first. It does UDP segmentation for one version of IP
  /// only together with the other (Linux 6.2).
  static let offloads: [UInt32] = {
    let tcp = UInt32(TUN_F_CSUM) | UInt32(TUN_F_TSO6)
    let tcpWithECN = tcp | UInt32(TUN_F_TSO_ECN)
    return [tcpWithECN | UInt32(TUN_F_USO4) | UInt32(TUN_F_USO6), tcpWithECN, tcp]
  }()

  /// The kinds without super-packets of IPv4.
  static let offloadsBesideIPv4 = offloads.filter { $0 & UInt32(TUN_F_USO4) == 0 }

  /// Opens the node. An interface that is attached to it belongs to the thread's current network namespace.
  static func openNode() throws(SystemError) -> FileDescriptor {
    try SystemCall.open(path, O_RDWR | O_NONBLOCK)
  }

  /// Makes the interface and binds it to the open node. It uses the first of `offloads` that the kernel accepts, and
  /// none if it accepts none. An empty list asks for no header at all.
  static func attach(
    _ node: borrowing FileDescriptor, name: String, mode: InterfaceMode = .tun, offloads: [UInt32]
  ) throws(SystemError) -> TunnelFraming {
    let number = node.number
    if !offloads.isEmpty {
      do throws(SystemError) {
        try SystemCall.attachTunnel(number, name, flags(mode) | UInt16(IFF_VNET_HDR))
        return offloads.contains { accepts($0, number) } ? .offload : .emptyHeader
      } catch {
        // The kernel returns this for an unknown mode, and for a bad name, which the next attempt will tell.
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
