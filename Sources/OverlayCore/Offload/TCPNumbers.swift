/// Where a packet stands in its TCP stream (RFC 9293 section 3.1), of IPv6 and IPv4 alike.
struct TCPNumbers {
  /// The number of its first byte.
  let sequence: UInt32
  /// The number of the byte behind its last.
  let end: UInt32
  /// The number of the byte that its sender waits for; `nil` if it does not say.
  let acknowledgement: UInt32?

  /// What stands in `packet`; `nil` if it is a fragment, or has no TCP header right behind that of IP.
  init?(_ packet: PacketView) {
    guard let start = packet.tcpStart else { return nil }
    let header = UnsafeRawBufferPointer(rebasing: packet.bytes[start...])
    let headerSize = Int(header[TCPHeader.dataOffset] >> 4) * 4
    let isAcknowledging = header[TCPHeader.flags] & TCPHeader.Flag.acknowledgement != 0
    let number = { UInt32(bigEndian: header.loadUnaligned(fromByteOffset: $0, as: UInt32.self)) }
    sequence = number(TCPHeader.sequence)
    end = sequence &+ UInt32(header.count - headerSize)
    acknowledgement = isAcknowledging ? number(TCPHeader.acknowledgement) : nil
  }
}
