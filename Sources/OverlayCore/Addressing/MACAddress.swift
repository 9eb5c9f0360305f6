/// The address of an Ethernet station (IEEE 802, EUI-48), in host byte order so that it is compared in one word.
public struct MACAddress: Hashable, Sendable {
  /// The 48 bits; the upper 16 of the number are zero.
  public let value: UInt64

  /// How many bytes an address takes in a frame.
  public static let size = 6

  /// The address of the low 48 bits of `value`.
  public init(value: UInt64) {
    self.value = value & 0xffff_ffff_ffff
  }

  /// The address that stands in network byte order at `offset`; six bytes must be there.
  public init(loading frame: UnsafeRawBufferPointer, at offset: Int) {
    let high = UInt16(bigEndian: frame.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    let low = UInt32(bigEndian: frame.loadUnaligned(fromByteOffset: offset + 2, as: UInt32.self))
    value = UInt64(high) << 32 | UInt64(low)
  }

  /// Writes the six bytes in network byte order at `offset`; there must be room.
  public func store(into frame: UnsafeMutableRawBufferPointer, at offset: Int) {
    let high = UInt16(truncatingIfNeeded: value >> 32)
    frame.storeBytes(of: high.bigEndian, toByteOffset: offset, as: UInt16.self)
    let low = UInt32(truncatingIfNeeded: value)
    frame.storeBytes(of: low.bigEndian, toByteOffset: offset + 2, as: UInt32.self)
  }

  /// Whether it names a group of stations; the broadcast address does.
  public var isGroup: Bool { value >> 40 & 1 != 0 }

  /// Whether no manufacturer gave it out: the bit for locally administered addresses is set.
  public var isLocal: Bool { value >> 40 & 2 != 0 }

  /// A locally administered address of one station, its other 46 bits random.
  public static func random(using generator: inout some RandomNumberGenerator) -> MACAddress {
    let random = generator.next() & ~(3 << 40)
    return MACAddress(value: random | 2 << 40)
  }
}

extension MACAddress: CustomStringConvertible, LosslessStringConvertible {
  /// Six pairs of lower-case digits with colons between: `02:00:5e:10:00:01`.
  public var description: String {
    (0..<MACAddress.size).map { index in
      let byte = UInt8(truncatingIfNeeded: value >> UInt64(40 - 8 * index))
      return (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined(separator: ":")
  }

  /// The address that `text` writes as six pairs of hexadecimal digits with colons between; `nil` if it writes none.
  public init?(_ text: String) {
    let pairs = text.split(separator: ":", omittingEmptySubsequences: false)
    guard pairs.count == MACAddress.size else { return nil }
    var value: UInt64 = 0
    for pair in pairs {
      // The standard library's reading of numbers takes a sign, too.
      guard pair.utf8.count == 2, pair.first?.isHexDigit == true, let byte = UInt8(pair, radix: 16) else { return nil }
      value = value << 8 | UInt64(byte)
    }
    self.init(value: value)
  }
}
