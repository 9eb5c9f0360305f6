/// All IPv6 addresses that begin with the same bits, such as `fd87:d87e:eb43::/48` (RFC 4291 section 2.3).
public struct IPv6Prefix: Hashable, Sendable {
  /// The first address of the prefix. Every bit past `length` is zero.
  public let address: IPv6Address
  /// The number of leading bits that the addresses share, 0 to 128.
  public let length: Int

  /// Makes the prefix of `length` bits that `address` is in; `nil` if `length` is not 0 to 128.
  public init?(_ address: IPv6Address, length: Int) {
    guard (0...128).contains(length) else { return nil }
    self.init(masking: address, length: length)
  }

  // The length must be 0 to 128.
  init(masking address: IPv6Address, length: Int) {
    let mask = IPv6Prefix.mask(length)
    self.address = IPv6Address(high: address.high & mask.high, low: address.low & mask.low)
    self.length = length
  }

  /// Makes the prefix of this address alone.
  init(_ address: IPv6Address) {
    self.init(masking: address, length: 128)
  }

  /// Returns whether `address` is in the prefix.
  public func contains(_ address: IPv6Address) -> Bool {
    let mask = IPv6Prefix.mask(length)
    return address.high & mask.high == self.address.high && address.low & mask.low == self.address.low
  }

  // Smart shifts: one by all 64 bits leaves nothing.
  private static func mask(_ length: Int) -> (high: UInt64, low: UInt64) {
    (high: ~UInt64(0) << (64 - min(length, 64)), low: ~UInt64(0) << (128 - max(length, 64)))
  }
}

extension IPv6Prefix: CustomStringConvertible {
  /// The prefix as RFC 4291 section 2.3 writes it: address, slash, length.
  public var description: String { "\(address)/\(length)" }
}
