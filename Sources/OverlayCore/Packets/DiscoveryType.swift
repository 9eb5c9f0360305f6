/// ICMPv6 types of neighbour discovery (RFC 4861 section 4).
enum DiscoveryType {
  static let routerSolicitation: UInt8 = 133
  static let solicitation: UInt8 = 135
  static let advertisement: UInt8 = 136
  /// All of them: router solicitation and advertisement, the two for neighbours, redirect.
  static let all: ClosedRange<UInt8> = 133...137
}

extension UpperLayer {
  /// Whether it is a message of neighbour discovery, sound or not, that `packet` holds.
  func isDiscovery(in packet: UnsafeRawBufferPointer) -> Bool {
    nextHeader == NextHeader.icmp && offset < packet.count && DiscoveryType.all.contains(packet[offset])
  }
}
