import OverlayCore

/// Where Tor takes requests for circuits.
extension SocketAddress {
  /// The path at which Debian's Tor takes requests for circuits.
  static let torSocketPath = "/run/tor/socks"
  /// Where Debian's Tor takes requests for circuits. It is better than `torPort`: what Tor has not read of a UNIX
  /// socket counts as not sent, and of a TCP connection the kernel holds megabytes for Tor, unseen.
  static let torSocket = SocketAddress.unix(torSocketPath)
  /// Where every Tor takes requests for circuits.
  static let torPort = SocketAddress.ipv4(.loopback, port: 9_050)

  /// Where circuits are asked for if nothing else is said: at `torSocket` if that was there when this was first asked,
  /// and whoever asked might connect to it, and otherwise at `torPort`.
  public static let standardSOCKS = SystemCall.mayConnect(toPath: torSocketPath) ? torSocket : torPort
}
