/// A prefix of either version of IP, as routes name it.
public enum IPPrefix: Hashable, Sendable {
  /// A prefix of IPv4 addresses.
  case ipv4(IPv4Prefix)
  /// A prefix of IPv6 addresses.
  case ipv6(IPv6Prefix)

  /// Reads a prefix that is written as `address/length`. It is `nil` for any other text, and if a bit of the address
  /// past the length is set.
  public init?(_ text: String) {
    guard let (address, _) = IPPrefix.parts(of: text), let prefix = IPPrefix(masking: text) else { return nil }
    switch prefix {
    case .ipv4(let prefix): guard IPv4Address(address) == prefix.address else { return nil }
    case .ipv6(let prefix): guard IPv6Address(address) == prefix.address else { return nil }
    }
    self = prefix
  }

  /// Reads a prefix that is written as `address/length`, where the address may be any of the prefix. It is `nil` for
  /// any other text.
  public init?(masking text: String) {
    guard let (address, length) = IPPrefix.parts(of: text) else { return nil }
    if let address = IPv4Address(address) {
      guard let prefix = IPv4Prefix(address, length: length) else { return nil }
      self = .ipv4(prefix)
    } else {
      guard let address = IPv6Address(address), let prefix = IPv6Prefix(address, length: length) else { return nil }
      self = .ipv6(prefix)
    }
  }

  /// The number of leading bits that the addresses share: 0 to 32, or 0 to 128.
  public var length: Int {
    switch self {
    case .ipv4(let prefix): prefix.length
    case .ipv6(let prefix): prefix.length
    }
  }

  /// Returns whether `address` is in the prefix. It is not if the two are of different versions of IP.
  public func contains(_ address: IPv4Address) -> Bool {
    if case .ipv4(let prefix) = self { prefix.contains(address) } else { false }
  }

  /// Returns whether `address` is in the prefix. It is not if the two are of different versions of IP.
  public func contains(_ address: IPv6Address) -> Bool {
    if case .ipv6(let prefix) = self { prefix.contains(address) } else { false }
  }

  /// Returns whether every address of `other` is in the prefix.
  public func contains(_ other: IPPrefix) -> Bool {
    switch other {
    case .ipv4(let prefix): length <= other.length && contains(prefix.address)
    case .ipv6(let prefix): length <= other.length && contains(prefix.address)
    }
  }

  private static func parts(of text: String) -> (address: Substring, length: Int)? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let length = Int(canonical: parts[1]) else { return nil }
    return (parts[0], length)
  }
}

extension IPPrefix {
  /// The prefixes whose addresses no host beyond its own link can have. Each comes with what its addresses are, for the
  /// operator. An address is in none of them exactly if its `isHost` is true.
  public static let hostless: [(prefix: IPPrefix, meaning: String)] = [
    ("::/128", "no address at all"), ("::1/128", "loopback"), ("fe80::/10", "link-local"), ("ff00::/8", "multicast"),
    ("::ffff:0:0/96", "IPv4 inside IPv6"),
    ("0.0.0.0/8", "this network alone"), ("127.0.0.0/8", "loopback"), ("169.254.0.0/16", "link-local"),
    ("224.0.0.0/4", "multicast"), ("240.0.0.0/4", "reserved"), ("224.0.0.0/3", "multicast and reserved"),
  ].compactMap { text, meaning in IPPrefix(text).map { ($0, meaning) } }
}

extension IPPrefix: CustomStringConvertible {
  /// The prefix as `address/length`.
  public var description: String {
    switch self {
    case .ipv4(let prefix): "\(prefix)"
    case .ipv6(let prefix): "\(prefix)"
    }
  }
}
