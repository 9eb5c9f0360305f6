/// What a node can do beyond the protocol that every peer speaks: said in its keepalives, and nothing to those who do not
/// know it.
public struct Capabilities: OptionSet, Equatable, Sendable {
  /// The bits, of which those that are unknown are kept and ignored.
  public let rawValue: UInt32

  /// A set of these bits.
  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// Takes TCP super-packets: unsegmented, with a full checksum, up to 65,575 bytes.
  public static let superPackets = Capabilities(rawValue: 1 << 0)

  /// The set that 1 to 4 bytes in network byte order stand for; `nil` for any other count.
  init?(_ value: [UInt8]) {
    guard (1...4).contains(value.count) else { return nil }
    rawValue = value.reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// The shortest form: what fits into a byte takes one.
  var bytes: [UInt8] {
    let all = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: rawValue >> UInt32($0)) }
    return Array(all.drop { $0 == 0 }.isEmpty ? all.suffix(1) : all.drop { $0 == 0 })
  }
}
