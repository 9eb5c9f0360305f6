/// A prefix of either version of IP, as routes name it.
public enum IPPrefix: Hashable, Sendable {
  /// A prefix of IPv4 addresses.
  case ipv4(IPv4Prefix)
  /// A prefix of IPv6 addresses.
  case ipv6(IPv6Prefix)

  /// The prefix that `text` writes as `address/length`; `nil` if it writes none, or if a bit of the address past the
  /// length is set: `init(masking:)` tells which prefix that would be.
  public init?(_ text: String) {
    guard let (address, _) = IPPrefix.parts(of: text), let prefix = IPPrefix(masking: text) else { return nil }
    switch prefix {
    case .ipv4(let prefix): guard IPv4Address(address) == prefix.address else { return nil }
    case .ipv6(let prefix): guard IPv6Address(address) == prefix.address else { return nil }
    }
    self = prefix
  }

  /// The prefix that the address in `text`, of the form `address/length`, lies in; `nil` if `text` is of another form.
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

  /// How many leading bits the addresses share: 0 to 32, or 0 to 128.
  public var length: Int {
    switch self {
    case .ipv4(let prefix): prefix.length
    case .ipv6(let prefix): prefix.length
    }
  }

  /// Whether `address` lies in the prefix; false for one of the other version.
  public func contains(_ address: IPv4Address) -> Bool {
    if case .ipv4(let prefix) = self { prefix.contains(address) } else { false }
  }

  /// Whether `address` lies in the prefix; false for one of the other version.
  public func contains(_ address: IPv6Address) -> Bool {
    if case .ipv6(let prefix) = self { prefix.contains(address) } else { false }
  }

  /// Whether every address of `other` lies in the prefix.
  public func contains(_ other: IPPrefix) -> Bool {
    switch other {
    case .ipv4(let prefix): length <= other.length && contains(prefix.address)
    case .ipv6(let prefix): length <= other.length && contains(prefix.address)
    }
  }

  /// Whether some address lies in both.
  public func overlaps(_ other: IPPrefix) -> Bool {
    contains(other) || other.contains(self)
  }

  private static func parts(of text: String) -> (address: Substring, length: Int)? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let length = Int(canonical: parts[1]) else { return nil }
    return (parts[0], length)
  }
}

extension IPPrefix {
  /// The prefixes in which no host beyond its own link can have an address, each with what its addresses are, for the
  /// operator. `isHost` of an address says whether it lies in none of them.
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
