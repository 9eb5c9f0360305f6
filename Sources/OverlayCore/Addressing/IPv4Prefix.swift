/// All IPv4 addresses that begin with the same bits, such as `10.20.0.0/16` (RFC 4632).
public struct IPv4Prefix: Hashable, Sendable {
  /// The first address of the prefix. Every bit past `length` is zero.
  public let address: IPv4Address
  /// The number of leading bits that the addresses share, 0 to 32.
  public let length: Int

  /// Makes the prefix of `length` bits that `address` is in; `nil` if `length` is not 0 to 32.
  public init?(_ address: IPv4Address, length: Int) {
    guard (0...32).contains(length) else { return nil }
    self.init(masking: address, length: length)
  }

  // The length must be 0 to 32.
  private init(masking address: IPv4Address, length: Int) {
    self.address = IPv4Address(value: address.value & IPv4Prefix.mask(length))
    self.length = length
  }

  /// Makes the prefix of this address alone.
  public init(_ address: IPv4Address) {
    self.init(masking: address, length: 32)
  }

  /// Returns whether `address` is in the prefix.
  func contains(_ address: IPv4Address) -> Bool {
    address.value & IPv4Prefix.mask(length) == self.address.value
  }

  // Smart shifts: one by all 32 bits leaves nothing.
  private static func mask(_ length: Int) -> UInt32 { ~UInt32(0) << (32 - length) }
}

extension IPv4Prefix: CustomStringConvertible {
  /// The prefix as RFC 4632 section 3.1 writes it: address, slash, length.
  public var description: String { "\(address)/\(length)" }
}
