/// Makes the checksum that the kernel left to the device.
///
/// Where it stands is said by whoever wrote the frame: a guest's network driver, or a program with a packet socket. Any
/// place but the field of the upper layer's header would let the writer change what was judged before, such as the packet's
/// length or its source: it is refused, and what is left to be done is done before anything judges the packet.
public enum ChecksumCompletion {
  /// Completes the checksum of a packet that is not to be cut, and says what is left to be done then: nothing, or to cut
  /// it, the checksum included. `nil`, and nothing is changed, where `offload` says of `packet` what no kernel does.
  public static func prepare(
    _ packet: PacketView, _ offload: OffloadHeader
  ) -> OffloadHeader? {
    guard let checksum = offload.checksum else { return offload.segmentation == .none ? offload : nil }
    guard fits(offload, checksum, packet) else { return nil }
    guard offload.segmentation == .none else { return offload }
    return complete(checksum, in: packet.memory) ? OffloadHeader.none : nil
  }

  /// Completes `checksum` in `packet`, whose field holds the pseudo-header's sum. False, and nothing is changed, if the
  /// field does not lie within the packet.
  public static func complete(
    _ checksum: OffloadHeader.Checksum, in packet: UnsafeMutableRawBufferPointer
  ) -> Bool {
    let start = Int(checksum.start)
    let field = start + Int(checksum.offset)
    guard field + 2 <= packet.count else { return false }
    var sum = InternetChecksum()
    sum.add(UnsafeRawBufferPointer(rebasing: packet[start...]))
    // Zero would say that there is none (RFC 8200 section 8.1). The other zero of ones' complement is right for every
    // protocol, and the kernel sends it for every one (skb_checksum_help).
    packet.storeBytes(of: sum.field == 0 ? 0xffff : sum.field, toByteOffset: field, as: UInt16.self)
    return true
  }

  /// The least that the kernel puts into a TCP segment, in bytes: 48 with 40 of options (`TCP_MIN_SND_MSS` of
  /// `<net/tcp.h>`).
  private static let smallestSegment = 8
  /// How many datagrams the kernel sends as one at the most (`UDP_MAX_SEGMENTS` of `<linux/udp.h>`).
  private static let mostDatagrams = 128

  /// Whether the checksum is that of the packet's upper layer, and the segmentation one of that protocol.
  private static func fits(
    _ offload: OffloadHeader, _ checksum: OffloadHeader.Checksum, _ packet: PacketView
  ) -> Bool {
    guard let upper = packet.upper.layer, !upper.isFragment, upper.offset == Int(checksum.start) else { return false }
    let size = packet.count - upper.offset
    switch (upper.nextHeader, Int(checksum.offset), offload.segmentation) {
    case (NextHeader.tcp, TCPHeader.checksum, .none): return size >= TCPHeader.size
    case (NextHeader.tcp, TCPHeader.checksum, .tcp(let segment, _)):
      return size >= TCPHeader.size && Int(segment) >= smallestSegment
    case (NextHeader.udp, UDPHeader.checksum, .none): return size >= UDPHeader.size
    case (NextHeader.udp, UDPHeader.checksum, .udp(let datagram)):
      return size >= UDPHeader.size && size - UDPHeader.size <= Int(datagram) * mostDatagrams
    case (NextHeader.icmp, ICMPv6Error.checksum, .none): return !packet.isIPv4
    default: return false
    }
  }
}
