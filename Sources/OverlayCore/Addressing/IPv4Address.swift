/// An IPv4 address (RFC 791), as a number in host byte order so that it is compared and hashed in one word.
public struct IPv4Address: Hashable, Sendable {
  /// The four bytes, the first one highest.
  public let value: UInt32

  /// How many bytes an address takes in a packet.
  public static let size = 4

  /// The address of this number, in host byte order.
  public init(value: UInt32) {
    self.value = value
  }

  /// The address that stands in network byte order at `offset`; 4 bytes must be there.
  @inlinable
  public init(loading packet: UnsafeRawBufferPointer, at offset: Int) {
    value = UInt32(bigEndian: packet.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// Writes the 4 bytes in network byte order at `offset`; there must be room.
  @inlinable
  public func store(into packet: UnsafeMutableRawBufferPointer, at offset: Int) {
    packet.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
  }
}
