import Glibc
import OverlayCore

/// The address at which a socket listens or to which it connects: numbers or a path, never a name that would have to be
/// resolved.
public enum SocketAddress: Hashable, Sendable {
  /// An IPv4 address, and a TCP port in host byte order.
  case ipv4(IPv4Address, port: UInt16)
  /// An IPv6 address without a zone, and a TCP port in host byte order.
  case ipv6(IPv6Address, port: UInt16)
  /// The path of a UNIX socket, 1 to `longestPath` bytes.
  case unix(String)

  /// The greatest number of bytes of a path: `sockaddr_un` has one more for the NUL.
  static let longestPath = 107

  /// `AF_INET`, `AF_INET6` or `AF_UNIX`, for socket(2).
  var family: Int32 {
    switch self {
    case .ipv4: AF_INET
    case .ipv6: AF_INET6
    case .unix: AF_UNIX
    }
  }

  /// The TCP port; `nil` for a UNIX socket.
  var port: UInt16? {
    switch self {
    case .ipv4(_, let port), .ipv6(_, let port): port
    case .unix: nil
    }
  }

  /// Whether only this host can be at the other end.
  var isLoopback: Bool {
    switch self {
    case .ipv4(let address, _): address.isLoopback
    case .ipv6(let address, _): address.isLoopback || address.mappedAddress?.isLoopback == true
    case .unix: true
    }
  }

  /// Calls `body` with the address in the kernel's form, which is valid during the call only. It cuts a UNIX path that
  /// is too long; the parser makes none.
  func withSocketAddress<Result, Failure: Error>(
    _ body: (UnsafePointer<sockaddr>, socklen_t) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    switch self {
    case .ipv4(let address, let port):
      var layout = sockaddr_in()
      layout.sin_family = sa_family_t(AF_INET)
      layout.sin_port = port.bigEndian
      layout.sin_addr.s_addr = address.value.bigEndian
      return try SystemCall.lend(layout, body)
    case .ipv6(let address, let port):
      var layout = sockaddr_in6()
      layout.sin6_family = sa_family_t(AF_INET6)
      layout.sin6_port = port.bigEndian
      withUnsafeMutableBytes(of: &layout.sin6_addr) { bytes in
        address.store(into: UnsafeMutableRawBufferPointer(bytes), at: 0)
      }
      return try SystemCall.lend(layout, body)
    case .unix(let path):
      var layout = sockaddr_un()
      layout.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &layout.sun_path) { bytes in
        bytes.copyBytes(from: path.utf8.prefix(SocketAddress.longestPath))
      }
      return try SystemCall.lend(layout, body)
    }
  }
}
