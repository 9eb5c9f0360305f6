/// The checks that every message of neighbour discovery must pass, or it is discarded in silence (RFC 4861 sections 6.1
/// and 7.1): hop limit, checksum, code, length, and options that are not empty.
enum DiscoveryCheck {
  /// The hop limit of every message. No packet from beyond this link has it.
  static let hopLimit: UInt8 = 255

  /// Returns whether the ICMPv6 message right behind the IPv6 header of `packet` is sound and has at least `smallest`
  /// bytes before its options.
  static func holds(_ packet: PacketView, smallest: Int) -> Bool {
    guard !packet.isIPv4, packet.nextHeader == NextHeader.icmp, packet.hopLimit == hopLimit else { return false }
    let message = UnsafeRawBufferPointer(rebasing: packet.bytes[IPv6Header.size...])
    guard message.count >= smallest, message[1] == 0, !packet.source.isMulticast else { return false }
    var checksum = InternetChecksum(
      source: packet.source, destination: packet.destination, length: message.count, nextHeader: NextHeader.icmp)
    checksum.add(message)
    return checksum.field == 0
  }

  /// Returns the station's address in the first option of type `wanted`; `.some(nil)` if there is no such option. It is
  /// `nil` if an option is empty or cut off, or if the address is not one station's, because an answer must not go to
  /// many.
  static func linkLayerAddress(_ wanted: UInt8, in options: UnsafeRawBufferPointer) -> MACAddress?? {
    var found: MACAddress?
    var offset = 0
    while offset < options.count {
      guard options.count - offset >= 2 else { return nil }
      let length = Int(options[offset + 1]) * 8
      guard length > 0, length <= options.count - offset else { return nil }
      if options[offset] == wanted, found == nil {
        guard length == 8 else { return nil }
        let address = MACAddress(loading: options, at: offset + 2)
        guard !address.isGroup, address.value != 0 else { return nil }
        found = address
      }
      offset += length
    }
    return .some(found)
  }
}

/// Options that hold a link-layer address (RFC 4861 section 4.6.1).
enum DiscoveryOption {
  static let source: UInt8 = 1
  static let target: UInt8 = 2
}
