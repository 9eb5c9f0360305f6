/// An IPv6 address (RFC 4291), as two halves in host byte order so that it is compared and hashed in two words.
public struct IPv6Address: Hashable, Sendable {
  /// The first eight bytes: the subnet's half.
  public var high: UInt64
  /// The last eight bytes: the interface identifier's half.
  public var low: UInt64

  /// How many bytes an address takes in a packet.
  public static let size = 16

  /// `::`, which stands for no address.
  public static let unspecified = IPv6Address(high: 0, low: 0)

  /// The address of these two halves, in host byte order.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The address of 16 bytes in network byte order; `nil` for any other count.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == IPv6Address.size else { return nil }
    var halves: (UInt64, UInt64) = (0, 0)
    for (index, byte) in bytes.enumerated() {
      if index < 8 { halves.0 = halves.0 << 8 | UInt64(byte) } else { halves.1 = halves.1 << 8 | UInt64(byte) }
    }
    self.init(high: halves.0, low: halves.1)
  }

  /// The address that stands in network byte order at `offset`; 16 bytes must be there.
  @inlinable
  public init(loading packet: UnsafeRawBufferPointer, at offset: Int) {
    high = UInt64(bigEndian: packet.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    low = UInt64(bigEndian: packet.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
  }

  /// Writes the 16 bytes in network byte order at `offset`; there must be room.
  @inlinable
  public func store(into packet: UnsafeMutableRawBufferPointer, at offset: Int) {
    packet.storeBytes(of: high.bigEndian, toByteOffset: offset, as: UInt64.self)
    packet.storeBytes(of: low.bigEndian, toByteOffset: offset + 8, as: UInt64.self)
  }

  /// The 16 bytes in network byte order.
  public var bytes: [UInt8] {
    [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> UInt64(56 - 8 * $0)) } }
  }

  /// The eight groups of 16 bits, in the order they are written.
  public var groups: [UInt16] {
    [high, low].flatMap { half in (0..<4).map { UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * $0)) } }
  }

  /// Whether it names a group of hosts: `ff00::/8`.
  public var isMulticast: Bool { high >> 56 == 0xff }

  /// Whether it means this link alone: `fe80::/10`.
  public var isLinkLocal: Bool { high >> 54 == 0xfe80 >> 6 }
}

extension ByteCursor {
  /// The next 16 bytes as an address; `nil` and nothing taken if it is cut off.
  mutating func address() -> IPv6Address? {
    bytes(IPv6Address.size).map { IPv6Address(loading: $0, at: 0) }
  }
}
