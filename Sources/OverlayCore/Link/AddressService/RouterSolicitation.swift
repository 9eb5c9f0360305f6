/// A host's question for router advertisements (RFC 4861 section 4.1).
///
///     +---------------+---------------+-------------------------------+
///     |  type = 133   |   code = 0    |           checksum            |
///     +---------------+---------------+-------------------------------+
///     |                           reserved                            |
///     +---------------------------------------------------------------+
///     |  options: type[1], length[1] in units of 8 bytes, value ...   |
///     +---------------------------------------------------------------+
enum RouterSolicitation {
  static let type: UInt8 = 133
  private static let size = 8
  private static let sourceLinkLayerAddress: UInt8 = 1

  /// Whether `packet` is one that passes every check of RFC 4861 section 6.1.1.
  static func isValid(_ packet: PacketView) -> Bool {
    guard !packet.isIPv4, packet.nextHeader == NextHeader.icmp, packet.hopLimit == DiscoveryCheck.hopLimit,
      !packet.source.isMulticast
    else { return false }
    let message = UnsafeRawBufferPointer(rebasing: packet.bytes[IPv6Header.size...])
    guard message.count >= size, message[0] == type, message[1] == 0 else { return false }
    var checksum = InternetChecksum(
      source: packet.source, destination: packet.destination, length: message.count, nextHeader: NextHeader.icmp)
    checksum.add(message)
    guard checksum.field == 0 else { return false }
    var options = ByteCursor(UnsafeRawBufferPointer(rebasing: message[size...]))
    while let option = options.byte() {
      guard let length = options.byte(), length > 0, options.part(Int(length) * 8 - 2) != nil else { return false }
      if option == sourceLinkLayerAddress, packet.source == .unspecified { return false }
    }
    return true
  }
}
