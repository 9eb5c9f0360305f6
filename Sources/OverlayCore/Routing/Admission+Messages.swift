extension Admission {
  /// Returns why a packet whose addresses are in order is dropped all the same, or `nil` if it is not.
  ///
  /// Of neighbour discovery nothing is let in. What proves to a kernel that it comes from its own link is a hop limit
  /// that no router has counted down, and none does on this way: a peer could tell LAN hosts where their neighbours
  /// are, and find out at one identity what other addresses its host has. An error is about a packet of whom it is sent
  /// to (RFC 4443 section 2.2): one about another identity's would reach that one if both are one kernel's. One that
  /// does not show whose it was, perhaps as the first of small fragments, is none that a kernel sent. Either could hide
  /// behind extension headers that the receiver reads and we do not: such a packet is dropped.
  static func refusal(of packet: PacketView) -> Counter? {
    if packet.isIPv4 { return isLinkMessage(packet) ? .remoteDiscovery : nil }
    guard packet.nextHeader != NextHeader.tcp else { return nil }
    let upper: UpperLayer
    switch packet.upper {
    case .whole(let found): upper = found
    case .laterFragment: return nil
    case .unreadable: return .unreadableHeaders
    }
    guard upper.nextHeader == NextHeader.icmp, upper.offset < packet.bytes.count else { return nil }
    if upper.isDiscovery(in: packet.bytes) { return .remoteDiscovery }
    guard packet.bytes[upper.offset] < ICMPv6Error.firstOther else { return nil }
    let quote = packet.bytes.dropFirst(upper.offset + ICMPv6Error.quoteOffset)
    guard quote.count >= IPv6Header.size,
      IPv6Header.source(in: UnsafeRawBufferPointer(rebasing: quote)) == packet.destination
    else { return .foreignQuote }
    return nil
  }

  /// Whether it is one of ICMP's messages for the sender's own link: a redirect (RFC 792), a router's advertisement or
  /// solicitation (RFC 1256).
  private static func isLinkMessage(_ packet: PacketView) -> Bool {
    guard packet.nextHeader == ICMPv4Error.protocolNumber, case .whole(let upper) = packet.upper,
      upper.offset < packet.bytes.count
    else { return false }
    return [5, 9, 10].contains(packet.bytes[upper.offset])
  }
}
