/// The mark by which a router tells of congestion without dropping (RFC 3168): two bits of IPv6's traffic class, or of
/// IPv4's type of service.
enum CongestionMark {
  /// Marks a whole packet. It returns false if the packet's sender does not understand marks.
  static func set(in packet: UnsafeMutableRawBufferPointer) -> Bool {
    guard packet.count >= IPv4Header.size else { return false }
    if packet[0] >> 4 == 4 { return setVersion4(in: packet) }
    guard packet.count >= IPv6Header.size, packet[1] & 0x30 != 0 else { return false }
    packet[1] |= 0x30
    return true
  }

  /// The checksum of the header changes with the word that the mark is in (RFC 1624 section 3).
  private static func setVersion4(in packet: UnsafeMutableRawBufferPointer) -> Bool {
    guard packet[1] & 0x03 != 0 else { return false }
    let bytes = UnsafeRawBufferPointer(packet)
    var sum = InternetChecksum()
    sum.add(~bytes.number(at: IPv4Header.Field.checksum))
    sum.subtract(bytes.number(at: 0))
    packet[1] |= 0x03
    sum.add(bytes.number(at: 0))
    packet.storeBytes(of: sum.field, toByteOffset: IPv4Header.Field.checksum, as: UInt16.self)
    return true
  }
}
