/// An IPv4 address (RFC 791).
public struct IPv4Address: Hashable, Sendable {
  /// The four bytes as a number in host byte order: the first one is the highest.
  public let value: UInt32

  /// How many bytes an address takes in a packet.
  public static let size = 4

  /// `0.0.0.0`, which stands for no address.
  public static let unspecified = IPv4Address(value: 0)

  /// The address of this number in host byte order.
  public init(value: UInt32) {
    self.value = value
  }

  /// The address that stands in network byte order at `offset`; four bytes must be there.
  @inlinable
  public init(loading packet: UnsafeRawBufferPointer, at offset: Int) {
    value = UInt32(bigEndian: packet.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// Writes the four bytes in network byte order at `offset`; there must be room.
  @inlinable
  public func store(into packet: UnsafeMutableRawBufferPointer, at offset: Int) {
    packet.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
  }

  /// Whether it names a group of hosts: `224.0.0.0/4` (RFC 5771).
  public var isMulticast: Bool { value >> 28 == 0xe }

  /// Whether it means this link alone: `169.254.0.0/16` (RFC 3927).
  public var isLinkLocal: Bool { value >> 16 == 0xa9fe }
}
