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
  private static let size = 8

  /// Whether `packet` is one that passes every check of RFC 4861 section 6.1.1.
  static func isValid(_ packet: PacketView) -> Bool {
    guard DiscoveryCheck.holds(packet, smallest: size),
      packet.memory[IPv6Header.size] == DiscoveryType.routerSolicitation,
      let station = DiscoveryCheck.linkLayerAddress(
        DiscoveryOption.source, in: UnsafeRawBufferPointer(rebasing: packet.bytes[(IPv6Header.size + size)...]))
    else { return false }
    return packet.source != .unspecified || station == nil
  }
}
