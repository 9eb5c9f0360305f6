import OverlayCore

/// The reason why a text is no socket address.
enum SocketAddressError: Error, Equatable, Sendable, CustomStringConvertible {
  /// There is no colon, or an IPv6 address without brackets.
  case form
  /// The host is not written in numbers.
  case host(String)
  /// The port is not a number from 1 to 65535.
  case port(String)
  /// A UNIX path of this many bytes.
  case path(Int)

  /// A description for the operator, with what is accepted.
  public var description: String {
    switch self {
    case .form: "HOST:PORT is accepted, such as 127.0.0.1:9050 or [::1]:9050"
    case .host(let host):
      "'\(host)' is not an IPv4 address, an IPv6 address in brackets or localhost; names are never resolved"
    case .port(let port): "'\(port)' is not a port: a number from 1 to 65535 is accepted"
    case .path(let count): "a path of 1 to \(SocketAddress.longestPath) bytes is accepted after unix:, not \(count)"
    }
  }
}

extension SocketAddress: CustomStringConvertible {
  /// The address in the form that the parser reads.
  public var description: String {
    switch self {
    case .ipv4(let address, let port):
      "\(address):\(port)"
    case .ipv6(let address, let port): "[\(address)]:\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }

  /// Reads an address that is written as `HOST:PORT` or `unix:PATH`. HOST is an IPv4 address, an IPv6 address in
  /// brackets, or `localhost` (127.0.0.1). No name is resolved: a query would leave the host in the clear.
  init(_ text: String) throws(SocketAddressError) {
    if text.hasPrefix("unix:") {
      let path = text.dropFirst("unix:".count)
      guard (1...SocketAddress.longestPath).contains(path.utf8.count) else { throw .path(path.utf8.count) }
      self = .unix(String(path))
      return
    }
    let bytes = text.utf8
    guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")) else { throw .form }
    let host = String(text[..<colon])
    let digits = String(text[bytes.index(after: colon)...])
    if host.hasPrefix("["), host.hasSuffix("]") {
      guard let address = IPv6Address(host.dropFirst().dropLast()) else { throw .host(host) }
      self = .ipv6(address, port: try SocketAddress.port(digits))
    } else {
      guard !host.utf8.contains(UInt8(ascii: ":")), !host.isEmpty else { throw .form }
      guard let address = SocketAddress.ipv4Address(host) else { throw .host(host) }
      self = .ipv4(address, port: try SocketAddress.port(digits))
    }
  }

  private static func port(_ text: String) throws(SocketAddressError) -> UInt16 {
    guard let port = UInt16(decimal: text), port > 0 else { throw .port(text) }
    return port
  }

  private static func ipv4Address(_ text: String) -> IPv4Address? {
    text.lowercased() == "localhost" ? .loopback : IPv4Address(text)
  }
}
