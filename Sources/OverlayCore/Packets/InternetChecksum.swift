/// The checksum of RFC 1071: the ones' complement of the ones' complement sum of 16-bit words.
public struct InternetChecksum: Sendable {
  // Sums of 32-bit halves: 2^32 additions fit, far more than any packet has words. Adding words in host order and
  // storing the result in host order gives the same bytes as doing both in network order (RFC 1071 section 2B).
  private var sum: UInt64 = 0

  /// The sum of nothing.
  public init() {}

  /// The sum of the pseudo-header that upper layers checksum (RFC 8200 section 8.1); `length` in bytes.
  public init(source: IPv6Address, destination: IPv6Address, length: Int, nextHeader: UInt8) {
    for half in [source.high, source.low, destination.high, destination.low] { add(half.bigEndian) }
    add(UInt64(UInt32(truncatingIfNeeded: length).bigEndian))
    add(UInt64(UInt32(nextHeader).bigEndian))
  }

  /// Adds `bytes`, an odd last one as if a zero followed: only the last run that is added may be odd.
  public mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var offset = 0
    while bytes.count - offset >= 8 {
      add(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset += 8
    }
    var rest: UInt64 = 0
    withUnsafeMutableBytes(of: &rest) { $0.copyBytes(from: bytes[offset...]) }
    add(rest)
  }

  /// The value for a checksum field, to be stored in host byte order.
  public var field: UInt16 {
    var folded = sum
    while folded >> 16 != 0 { folded = (folded & 0xffff) + folded >> 16 }
    return ~UInt16(truncatingIfNeeded: folded)
  }

  private mutating func add(_ word: UInt64) {
    sum += (word & 0xffff_ffff) + word >> 32
  }
}
