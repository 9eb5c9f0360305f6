/// One anonymising network: how it names its services and which prefix their overlay addresses share. All that
/// tells one network from another stands in one such value.
public struct OverlayNetwork: Hashable, Sendable {
  /// What follows the label in a full name, with its leading dot.
  public let suffix: String
  /// The prefix of the network's overlay addresses.
  public let prefix: IPv6Prefix
  /// The lengths that a label can have, in characters.
  public let labelLengths: [Int]

  /// Tor: `fd87:d87e:eb43::/48`; 16 characters were version 2, 56 are version 3.
  public static let tor = OverlayNetwork(
    suffix: ".onion", prefix: IPv6Prefix(masking: IPv6Address(high: 0xfd87_d87e_eb43_0000, low: 0), length: 48),
    labelLengths: [16, 56])

  /// The port of the overlay's onion services, unless all peers agree on another.
  public static let servicePort: UInt16 = 8060

  /// How many characters of a label its address holds: the last 16, five bits each.
  public static let labelCharactersInAddress = 16

  /// Whether `address` is one of the network's.
  public func contains(_ address: IPv6Address) -> Bool { prefix.contains(address) }

  /// The address whose last 80 bits are these, in host byte order.
  public func address(hostPart: (high: UInt16, low: UInt64)) -> IPv6Address {
    IPv6Address(high: prefix.address.high | UInt64(hostPart.high), low: hostPart.low)
  }

  /// The 16 last characters of every label that maps to `address`; `nil` for an address of another network.
  public func label(of address: IPv6Address) -> String? {
    contains(address) ? Base32.encode(address.bytes.dropFirst(6)) : nil
  }

  /// Answered by the local daemon: who pings it learns that device and route work.
  public var localResponder: IPv6Address { IPv6Address(high: prefix.address.high, low: 0xdead_beef) }

  /// Answered by our own daemon through Tor: SOCKS port, Tor, onion service and listener work.
  public var circuitResponder: IPv6Address { IPv6Address(high: prefix.address.high, low: 0xfeed_beef) }
}
