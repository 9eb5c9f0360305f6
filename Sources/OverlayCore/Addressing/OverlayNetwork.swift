/// An anonymising network: how it names its services, and which prefix their overlay addresses share. All that
/// distinguishes one network from another is here.
public struct OverlayNetwork: Hashable, Sendable {
  /// The end of a full name, which follows the label: `.onion`.
  public let suffix: String
  /// The prefix of the network's overlay addresses.
  public let prefix: IPv6Prefix
  /// The lengths that a label can have, in characters.
  let labelLengths: [Int]

  /// Tor, whose prefix is `fd87:d87e:eb43::/48`. A label of version 2 has 16 characters, one of version 3 has 56.
  public static let tor = OverlayNetwork(
    suffix: ".onion", prefix: IPv6Prefix(masking: IPv6Address(high: 0xfd87_d87e_eb43_0000, low: 0), length: 48),
    labelLengths: [16, 56])

  /// The port at which onion services of the overlay listen, unless all peers agree on another.
  public static let servicePort: UInt16 = 8060

  /// The number of characters of a label that its address holds: the last 16, with five bits each.
  public static let labelCharactersInAddress = 16

  /// Returns whether `address` is one of the network.
  public func contains(_ address: IPv6Address) -> Bool { prefix.contains(address) }

  /// Returns whether a peer of the host at `own` can have this address. The addresses of that host and of the
  /// responders are no peer's.
  func isPeer(_ address: IPv6Address, of own: IPv6Address) -> Bool {
    contains(address) && address != own && !isResponder(address)
  }

  /// Returns whether each host answers at this address itself.
  func isResponder(_ address: IPv6Address) -> Bool { address == localResponder || address == circuitResponder }

  /// Returns the address whose last 80 bits are `hostPart`, in host byte order.
  func address(hostPart: (high: UInt16, low: UInt64)) -> IPv6Address {
    IPv6Address(high: prefix.address.high | UInt64(hostPart.high), low: hostPart.low)
  }

  /// Returns the last 16 characters of each label whose address is `address`, or `nil` if it is of another network.
  public func label(of address: IPv6Address) -> String? {
    contains(address) ? Base32.encode(address.bytes.dropFirst(6)) : nil
  }

  /// The address that the local daemon answers. Whoever pings it learns whether device and route work.
  public var localResponder: IPv6Address { IPv6Address(high: prefix.address.high, low: 0xdead_beef) }

  /// The address that the local daemon answers through Tor. Whoever pings it learns whether SOCKS port, Tor, onion
  /// service and listener work.
  public var circuitResponder: IPv6Address { IPv6Address(high: prefix.address.high, low: 0xfeed_beef) }
}
