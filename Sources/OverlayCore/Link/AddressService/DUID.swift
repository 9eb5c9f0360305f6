/// A DHCP unique identifier: by what a DHCPv6 client or server is known wherever it appears (RFC 8415 section 11).
/// Apart from comparing it nobody is to read anything into it.
public struct DUID: Hashable, Sendable {
  /// A type of two bytes, then 1 to 128 bytes.
  let bytes: [UInt8]

  /// The lengths that an identifier can have, in bytes.
  static let lengths = 3...130

  /// The identifier of these bytes; `nil` for a length that none has.
  init?(bytes: [UInt8]) {
    guard DUID.lengths.contains(bytes.count) else { return nil }
    self.bytes = bytes
  }

  /// The identifier that is made of an Ethernet address alone (DUID-LL, RFC 8415 section 11.4).
  ///
  ///     +-------------------------------+-------------------------------+
  ///     |           type = 3            |  hardware type = 1, Ethernet  |
  ///     +-------------------------------+-------------------------------+
  ///     |                    MAC address, 6 bytes                       |
  ///     +---------------------------------------------------------------+
  init(_ macAddress: MACAddress) {
    bytes = [0, 3, 0, 1] + macAddress.bytes
  }
}

extension DUID: CustomStringConvertible, LosslessStringConvertible {
  /// Two lower-case hexadecimal digits for each byte.
  public var description: String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// The identifier that `text` writes in hexadecimal; `nil` if it writes none.
  public init?(_ text: String) {
    guard let bytes = [UInt8](hexadecimal: Array(text.utf8)), DUID.lengths.contains(bytes.count) else { return nil }
    self.init(bytes: bytes)
  }
}

extension MACAddress {
  /// The six bytes in network byte order.
  var bytes: [UInt8] {
    (0..<MACAddress.size).map { UInt8(truncatingIfNeeded: value >> UInt64(40 - 8 * $0)) }
  }
}
