/// Tells the flows of a host apart, as far as a router can: by addresses, protocol and ports, or by the flow label where
/// there are none to be seen (RFC 6437 section 3).
enum FlowHash {
  /// A number that is the same for all packets of a flow; `packet` is a whole packet.
  static func of(_ packet: UnsafeRawBufferPointer) -> UInt32 { hash(packet, isTurned: false) }

  /// The number of the flow that a TCP or UDP packet answers.
  static func ofAnswered(_ packet: UnsafeRawBufferPointer) -> UInt32 { hash(packet, isTurned: true) }

  /// `isTurned`: with source and destination in each other's place.
  @inline(__always)
  private static func hash(_ packet: UnsafeRawBufferPointer, isTurned: Bool) -> UInt32 {
    if packet[0] >> 4 == 4 { return ofVersion4(packet, isTurned: isTurned) }
    let nextHeader = packet[6]
    var selector = UInt64(nextHeader) << 32
    switch nextHeader {
    case NextHeader.tcp where packet.count >= 60, NextHeader.udp where packet.count >= 48:
      selector |= UInt64(ports(of: packet, at: 40, isTurned: isTurned))
    case NextHeader.icmp where packet.count >= 48:
      // Type and identifier: an echo's.
      selector |= UInt64(packet[40]) << 16 | UInt64(packet.loadUnaligned(fromByteOffset: 44, as: UInt16.self))
    default:
      selector |= UInt64(UInt32(bigEndian: packet.loadUnaligned(as: UInt32.self)) & 0xfffff)
    }
    var hash = selector &* 0x9e37_79b9_7f4a_7c15
    for offset in isTurned ? [24, 32, 8, 16] : [8, 16, 24, 32] {
      hash = (hash ^ hash >> 29) &* 0xbf58_476d_1ce4_e5b9
      hash ^= packet.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
    hash = (hash ^ hash >> 32) &* 0x94d0_49bb_1331_11eb
    return UInt32(truncatingIfNeeded: hash >> 32)
  }

  /// All fragments of a packet count as one flow, which has no ports: only the first would tell them.
  @inline(__always)
  private static func ofVersion4(_ packet: UnsafeRawBufferPointer, isTurned: Bool) -> UInt32 {
    guard packet.count >= IPv4Header.size else { return 0 }
    let upper = Int(packet[0] & 0xf) * 4
    var selector = UInt64(packet[9]) << 32
    if packet.number(at: IPv4Header.Field.fragment) & IPv4Header.Field.ofFragments == 0, packet.count >= upper + 8 {
      switch packet[9] {
      case NextHeader.tcp, NextHeader.udp:
        selector |= UInt64(ports(of: packet, at: upper, isTurned: isTurned))
      case ICMPv4Error.protocolNumber:
        selector |=
          UInt64(packet[upper]) << 16
          | UInt64(packet.loadUnaligned(fromByteOffset: upper + 4, as: UInt16.self))
      default: break
      }
    }
    var hash = selector &* 0x9e37_79b9_7f4a_7c15
    hash = (hash ^ hash >> 29) &* 0xbf58_476d_1ce4_e5b9
    let addresses = packet.loadUnaligned(fromByteOffset: 12, as: UInt64.self)
    hash ^= isTurned ? addresses << 32 | addresses >> 32 : addresses
    hash = (hash ^ hash >> 32) &* 0x94d0_49bb_1331_11eb
    return UInt32(truncatingIfNeeded: hash >> 32)
  }

  @inline(__always)
  private static func ports(of packet: UnsafeRawBufferPointer, at offset: Int, isTurned: Bool) -> UInt32 {
    let ports = packet.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
    return isTurned ? ports << 16 | ports >> 16 : ports
  }
}
