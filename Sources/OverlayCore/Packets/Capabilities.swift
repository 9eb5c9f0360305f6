/// The capabilities of a node beyond the protocol that every peer speaks. A node tells them in its keepalives; a peer
/// that does not know them ignores them.
struct Capabilities: OptionSet, Equatable, Sendable {
  /// The bits. Unknown ones are kept and ignored.
  public let rawValue: UInt32

  /// Makes a set of these bits.
  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// The node takes TCP super-packets: unsegmented, with a full checksum, up to 65,575 bytes.
  static let superPackets = Capabilities(rawValue: 1 << 0)
  /// The node restores the order of a TCP flow that comes on several circuits.
  static let order = Capabilities(rawValue: 1 << 1)

  /// Reads a set from 1 to 4 bytes in network byte order; `nil` for any other number of bytes.
  init?(_ value: [UInt8]) {
    guard (1...4).contains(value.count) else { return nil }
    rawValue = value.reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// The set in network byte order, in as few bytes as it fits into.
  var bytes: [UInt8] {
    let all = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: rawValue >> UInt32($0)) }
    return Array(all.drop { $0 == 0 }.isEmpty ? all.suffix(1) : all.drop { $0 == 0 })
  }
}
