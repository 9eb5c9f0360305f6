/// All IPv4 addresses that begin with the same bits, such as `10.20.0.0/16` (RFC 4632).
public struct IPv4Prefix: Hashable, Sendable {
  /// The prefix's first address: every bit past `length` is zero.
  public let address: IPv4Address
  /// How many leading bits the addresses share, 0 to 32.
  public let length: Int

  /// The prefix of `length` bits that begins with `address`; `nil` if a bit past them is set, or if `length` is not 0
  /// to 32.
  public init?(_ address: IPv4Address, length: Int) {
    guard (0...32).contains(length), address.value & IPv4Prefix.mask(length) == address.value else { return nil }
    self.address = address
    self.length = length
  }

  /// Whether `address` lies in the prefix.
  public func contains(_ address: IPv4Address) -> Bool {
    address.value & IPv4Prefix.mask(length) == self.address.value
  }

  // Smart shifts: one by all 32 bits leaves nothing.
  private static func mask(_ length: Int) -> UInt32 { ~UInt32(0) << (32 - length) }
}
