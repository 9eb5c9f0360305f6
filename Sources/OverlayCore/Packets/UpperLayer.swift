/// What a packet carries behind its IPv6 extension headers (RFC 8200 section 4).
struct UpperLayer: Equatable {
  /// The protocol's assigned number.
  let nextHeader: UInt8
  /// Where its header begins, in bytes from the packet's start; at most the packet's length.
  let offset: Int
  /// Whether a fragment header stands before it: more of the packet comes elsewhere, or could.
  let isFragment: Bool

  /// Walks the extension headers of `packet`; `nil` where they are cut off, and for a fragment that is not the first,
  /// which has no upper layer header.
  init?(_ packet: UnsafeRawBufferPointer) {
    guard packet.count >= IPv6Header.size else { return nil }
    var nextHeader = packet[6]
    var offset = IPv6Header.size
    var isFragment = false
    while true {
      switch nextHeader {
      case NextHeader.hopByHopOptions, NextHeader.routing, NextHeader.destinationOptions:
        guard packet.count - offset >= 8 else { return nil }
        nextHeader = packet[offset]
        offset += 8 + 8 * Int(packet[offset + 1])
      case NextHeader.fragment:
        guard packet.count - offset >= 8 else { return nil }
        let fragmentOffset = UInt16(bigEndian: packet.loadUnaligned(fromByteOffset: offset + 2, as: UInt16.self)) >> 3
        guard fragmentOffset == 0 else { return nil }
        nextHeader = packet[offset]
        offset += 8
        isFragment = true
      default:
        guard offset <= packet.count else { return nil }
        self.nextHeader = nextHeader
        self.offset = offset
        self.isFragment = isFragment
        return
      }
    }
  }
}
