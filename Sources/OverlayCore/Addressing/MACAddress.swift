/// The address of a station on an Ethernet (IEEE 802): 48 bits.
public struct MACAddress: Hashable, Sendable {
  /// The six bytes as a number in host byte order: the first one that is sent is the highest of 48 bits.
  public let value: UInt64

  /// How many bytes an address takes in a frame.
  public static let size = 6

  /// `ff:ff:ff:ff:ff:ff`: every station.
  static let broadcast = MACAddress(value: 0xffff_ffff_ffff)

  /// The address of the low 48 bits of `value`.
  public init(value: UInt64) {
    self.value = value & 0xffff_ffff_ffff
  }

  /// The address that stands at `offset`; six bytes must be there.
  public init(loading frame: UnsafeRawBufferPointer, at offset: Int) {
    let high = UInt32(bigEndian: frame.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    let low = UInt16(bigEndian: frame.loadUnaligned(fromByteOffset: offset + 4, as: UInt16.self))
    value = UInt64(high) << 16 | UInt64(low)
  }

  /// The group that an IPv6 group's packets are sent to on an Ethernet (RFC 2464 section 7).
  init(group address: IPv6Address) {
    self.init(value: 0x3333 << 32 | address.low & 0xffff_ffff)
  }

  /// Writes the six bytes at `offset`; there must be room.
  public func store(into frame: UnsafeMutableRawBufferPointer, at offset: Int) {
    frame.storeBytes(of: UInt32(truncatingIfNeeded: value >> 16).bigEndian, toByteOffset: offset, as: UInt32.self)
    frame.storeBytes(of: UInt16(truncatingIfNeeded: value).bigEndian, toByteOffset: offset + 4, as: UInt16.self)
  }

  /// A random address that is locally administered and one station's: it tells nothing about any hardware.
  public static func random(using generator: inout some RandomNumberGenerator) -> MACAddress {
    MACAddress(value: generator.next() & ~groupBit | localBit)
  }

  /// Whether it stands for several stations, the broadcast address included.
  public var isGroup: Bool { value & MACAddress.groupBit != 0 }

  /// Whether it was chosen by an administrator and not by the maker of the hardware.
  public var isLocal: Bool { value & MACAddress.localBit != 0 }

  /// The link-local IPv6 address that is made of it: a modified EUI-64 interface identifier (RFC 4291 appendix A).
  public var linkLocalAddress: IPv6Address {
    let flipped = value ^ MACAddress.localBit
    return IPv6Address(
      high: 0xfe80_0000_0000_0000, low: (flipped >> 24) << 40 | 0xfffe << 24 | flipped & 0xff_ffff)
  }

  // The two lowest bits of the byte that is sent first.
  private static let groupBit: UInt64 = 1 << 40
  private static let localBit: UInt64 = 2 << 40
}

extension MACAddress: CustomStringConvertible, LosslessStringConvertible {
  /// Six groups of two hexadecimal digits in lower case, with colons between them.
  public var description: String {
    (0..<MACAddress.size).map { index in
      let byte = UInt8(truncatingIfNeeded: value >> UInt64(40 - 8 * index))
      return (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined(separator: ":")
  }

  /// The address that `text` writes as six groups of two hexadecimal digits with colons between them; `nil` if it
  /// writes none.
  public init?(_ text: String) {
    let groups = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard groups.count == MACAddress.size else { return nil }
    var value: UInt64 = 0
    for group in groups {
      guard group.count == 2 else { return nil }
      for digit in group {
        guard let number = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
        value = value << 4 | UInt64(number)
      }
    }
    self.init(value: value)
  }
}
