/// The 16 random bytes of a challenge, which whoever receives them proves by repeating. Tokens are compared in a time
/// that does not depend on where they differ.
struct ProofToken: Sendable {
  /// The length in bytes.
  static let size = 16

  private let high: UInt64
  private let low: UInt64

  /// Makes a random token.
  init(using random: inout any RandomNumberGenerator) {
    (high, low) = (random.next(), random.next())
  }

  /// Reads a token; `nil` unless there are exactly 16 bytes.
  init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == ProofToken.size else { return nil }
    let number = { (part: any Collection<UInt8>) in part.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
    high = number(bytes.prefix(8))
    low = number(bytes.dropFirst(8))
  }

  /// The 16 bytes.
  var bytes: [UInt8] {
    [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * UInt64($0))) } }
  }

  /// Returns whether two tokens are the same.
  func matches(_ other: ProofToken) -> Bool { (high ^ other.high) | (low ^ other.low) == 0 }
}
