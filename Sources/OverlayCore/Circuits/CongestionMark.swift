/// The mark by which a router tells of congestion without dropping (RFC 3168): two bits of the traffic class.
enum CongestionMark {
  /// Marks a whole IPv6 packet; false where its sender does not understand marks.
  static func set(in packet: UnsafeMutableRawBufferPointer) -> Bool {
    guard packet.count >= IPv6Header.size, packet[1] & 0x30 != 0 else { return false }
    packet[1] |= 0x30
    return true
  }
}
