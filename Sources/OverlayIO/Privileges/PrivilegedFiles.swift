import Glibc

/// What is opened inside the interface's network namespace and goes on acting there.
struct PrivilegedFiles: ~Copyable {
  /// For requests to rtnetlink.
  let requests: NetlinkSocket
  /// Subscribed to what the monitor hears.
  let monitoring: NetlinkSocket
  /// `/dev/net/tun`, to which no interface is attached yet.
  let node: FileDescriptor
  /// By which IPv6 works on the interface; `nil` where `/proc` does not show it.
  let protocolSwitch: ProtocolSwitch?
  /// What the kernel remembers of connections; `nil` where it remembers nothing.
  let connectionMemory: ConnectionMemory?

  init(groups: Int32) throws(PrivilegeError) {
    try PrivilegedFiles.requireNetworkLayer()
    let requests = try PrivilegedFiles.socket()
    let monitoring = try PrivilegedFiles.socket(groups: groups)
    let node = try PrivilegedFiles.tunnelNode()
    self.requests = requests
    self.monitoring = monitoring
    self.node = node
    protocolSwitch = try? ProtocolSwitch()
    connectionMemory = try? ConnectionMemory()
  }

  private static func requireNetworkLayer() throws(PrivilegeError) {
    do throws(SystemError) {
      _ = try SystemCall.socket(AF_INET6, SOCK_DGRAM, "open IPv6 socket")
    } catch {
      throw error.number == EAFNOSUPPORT ? .protocolDisabled(interface: nil) : .failed(act: "use IPv6", error)
    }
  }

  /// A socket to rtnetlink that hears these groups.
  static func socket(groups: Int32 = 0) throws(PrivilegeError) -> NetlinkSocket {
    do throws(SystemError) {
      return try NetlinkSocket(groups: groups)
    } catch {
      throw .failed(act: "talk to rtnetlink", error)
    }
  }

  private static func tunnelNode() throws(PrivilegeError) -> FileDescriptor {
    do throws(SystemError) {
      return try TunnelDevice.openNode()
    } catch {
      switch error.number {
      case ENOENT, ENODEV, ENXIO: throw .tunnelNodeMissing
      case EACCES, EPERM: throw .tunnelNodeRefused
      default: throw .failed(act: "open the tunnel's device", error)
      }
    }
  }
}
