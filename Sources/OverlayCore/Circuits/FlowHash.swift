/// Tells the flows of a host apart, as far as a router can: by addresses, protocol and ports, or by the flow label where
/// there are none to be seen (RFC 6437 section 3).
enum FlowHash {
  /// A number that is the same for all packets of a flow; `packet` is a whole IPv6 packet.
  static func of(_ packet: UnsafeRawBufferPointer) -> UInt32 {
    let nextHeader = packet[6]
    var selector = UInt64(nextHeader) << 32
    switch nextHeader {
    case NextHeader.tcp where packet.count >= 60, NextHeader.udp where packet.count >= 48:
      selector |= UInt64(packet.loadUnaligned(fromByteOffset: 40, as: UInt32.self))
    case NextHeader.icmp where packet.count >= 48:
      // Type and identifier: an echo's.
      selector |= UInt64(packet[40]) << 16 | UInt64(packet.loadUnaligned(fromByteOffset: 44, as: UInt16.self))
    default:
      selector |= UInt64(UInt32(bigEndian: packet.loadUnaligned(as: UInt32.self)) & 0xfffff)
    }
    var hash = selector &* 0x9e37_79b9_7f4a_7c15
    for offset in [8, 16, 24, 32] {
      hash = (hash ^ hash >> 29) &* 0xbf58_476d_1ce4_e5b9
      hash ^= packet.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
    hash = (hash ^ hash >> 32) &* 0x94d0_49bb_1331_11eb
    return UInt32(truncatingIfNeeded: hash >> 32)
  }
}
