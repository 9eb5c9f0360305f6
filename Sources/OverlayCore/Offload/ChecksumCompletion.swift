/// Completes the checksums that the kernel leaves to the device (`VIRTIO_NET_HDR_F_NEEDS_CSUM` of
/// `<linux/virtio_net.h>`).
///
/// Whoever wrote the frame, a guest's network driver or a program with a packet socket, says where the checksum stands.
/// Only the field of the upper layer's header is accepted: any other place would let the writer change what was judged
/// before, such as the packet's length or source. For the same reason a checksum is completed before anything judges
/// the packet.
public enum ChecksumCompletion {
  /// Completes the checksum of a packet, and returns the offload work that is left. A packet that is to be cut keeps
  /// its checksum as it is, because the cut completes it. It returns `nil`, and changes nothing, if `offload` says
  /// something of `packet` that no kernel says.
  public static func prepare(
    _ packet: PacketView, _ offload: OffloadHeader
  ) -> OffloadHeader? {
    guard let checksum = offload.checksum else { return offload.segmentation == .none ? offload : nil }
    guard fits(offload, checksum, packet) else { return nil }
    guard offload.segmentation == .none else { return offload }
    return complete(checksum, in: packet.memory) ? OffloadHeader.none : nil
  }

  /// Completes `checksum` in `packet`, whose field holds the pseudo-header's sum. It returns false, and changes
  /// nothing, if the field does not lie within the packet.
  public static func complete(
    _ checksum: OffloadHeader.Checksum, in packet: UnsafeMutableRawBufferPointer
  ) -> Bool {
    let start = Int(checksum.start)
    let field = start + Int(checksum.offset)
    guard field + 2 <= packet.count else { return false }
    var sum = InternetChecksum()
    sum.add(UnsafeRawBufferPointer(rebasing: packet[start...]))
    // Zero would say that there is none (RFC 8200 section 8.1). The other zero of ones' complement is right for every
    // protocol, and the kernel sends it for every one (`skb_checksum_help`).
    packet.storeBytes(of: sum.field == 0 ? 0xffff : sum.field, toByteOffset: field, as: UInt16.self)
    return true
  }

  /// The smallest payload that the kernel puts into a TCP segment, in bytes: 48 less 40 of options (`TCP_MIN_SND_MSS`
  /// of `<net/tcp.h>`).
  private static let smallestSegment = 8
  /// The greatest number of datagrams that the kernel sends as one (`UDP_MAX_SEGMENTS` of `<linux/udp.h>`).
  private static let mostDatagrams = 128

  /// Returns whether the checksum is that of the packet's upper layer, and the segmentation fits that protocol.
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
