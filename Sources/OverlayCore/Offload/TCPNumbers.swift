/// Where a packet stands in its TCP stream (RFC 9293 section 3.1), of IPv6 and IPv4 alike.
struct TCPNumbers {
  /// The number of its first byte.
  let sequence: UInt32
  /// The number of the byte behind its last.
  let end: UInt32
  /// The number of the byte that its sender waits for; `nil` if it does not say.
  let acknowledgement: UInt32?

  /// What stands in `packet`; `nil` if it is a fragment, or has no TCP header right behind that of IP.
  init?(_ packet: UnsafeRawBufferPointer) {
    let start: Int
    if packet.count >= IPv6Header.size, packet[0] >> 4 == 6, packet[6] == NextHeader.tcp {
      start = IPv6Header.size
    } else if packet.count >= IPv4Header.size, packet[0] >> 4 == 4, packet[9] == NextHeader.tcp,
      packet.number(at: IPv4Header.Field.fragment) & IPv4Header.Field.ofFragments == 0
    {
      start = Int(packet[0] & 0xf) * 4
    } else {
      return nil
    }
    guard packet.count >= start + TCPHeader.size else { return nil }
    let headerSize = Int(packet[start + TCPHeader.dataOffset] >> 4) * 4
    guard headerSize >= TCPHeader.size, packet.count >= start + headerSize else { return nil }
    let isAcknowledging = packet[start + TCPHeader.flags] & TCPHeader.Flag.acknowledgement != 0
    let number = { UInt32(bigEndian: packet.loadUnaligned(fromByteOffset: start + $0, as: UInt32.self)) }
    sequence = number(TCPHeader.sequence)
    end = sequence &+ UInt32(packet.count - start - headerSize)
    acknowledgement = isAcknowledging ? number(TCPHeader.acknowledgement) : nil
  }
}
