/// The checksum of RFC 1071: the ones' complement of the ones' complement sum of 16-bit words.
struct InternetChecksum: Sendable {
  // Sums of 32-bit halves: 2^32 additions fit, far more than any packet has words. Adding words in host order and
  // storing the result in host order gives the same bytes as doing both in network order (RFC 1071 section 2B).
  private var sum: UInt64 = 0

  /// Makes the sum of nothing.
  init() {}

  /// Makes the sum of the pseudo-header of upper layers (RFC 8200 section 8.1). `length` is in bytes.
  init(source: IPv6Address, destination: IPv6Address, length: Int, nextHeader: UInt8) {
    for half in [source.high, source.low, destination.high, destination.low] { add(half.bigEndian) }
    add(UInt64(UInt32(truncatingIfNeeded: length).bigEndian))
    add(UInt64(UInt32(nextHeader).bigEndian))
  }

  /// Adds `bytes`. A zero is appended if their number is odd, so only the last run that is added may be odd.
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    // Two sums that wrap are enough, and the compiler vectorises them: that of whole words and that of their high
    // halves. The second is exact, and so the first gives the sum of the low halves.
    var words: UInt64 = 0
    var highHalves: UInt64 = 0
    for index in 0..<bytes.count / 8 {
      let word = base.loadUnaligned(fromByteOffset: index &* 8, as: UInt64.self)
      words &+= word
      highHalves &+= word &>> 32
    }
    sum += (words &- highHalves &<< 32) + highHalves
    var offset = bytes.count & ~7
    if bytes.count & 4 != 0 {
      sum += UInt64(base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      offset += 4
    }
    if bytes.count & 2 != 0 {
      sum += UInt64(base.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
      offset += 2
    }
    if bytes.count & 1 != 0 { sum += UInt64(UInt16(bytes[offset]).littleEndian) }
  }

  /// Adds a length or another number of 16 bits as it stands in a header: in network byte order.
  mutating func add(_ number: UInt16) {
    sum += UInt64(number.bigEndian)
  }

  /// Subtracts such a number.
  mutating func subtract(_ number: UInt16) {
    sum += UInt64(~number.bigEndian)
  }

  /// Subtracts what another sum has.
  mutating func subtract(_ other: InternetChecksum) {
    sum += UInt64(~other.folded)
  }

  /// The sum, in host byte order: the value of the field of a packet whose checksum is left to the device.
  var folded: UInt16 {
    var folded = sum
    while folded >> 16 != 0 { folded = (folded & 0xffff) + folded >> 16 }
    return UInt16(truncatingIfNeeded: folded)
  }

  /// The value for a checksum field, to be stored in host byte order.
  var field: UInt16 { ~folded }

  private mutating func add(_ word: UInt64) {
    sum += (word & 0xffff_ffff) + word >> 32
  }
}
