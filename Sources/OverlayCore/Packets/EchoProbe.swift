/// An ICMPv6 echo request of this node (RFC 4443 section 4.1), which asks a peer without extensions whether it is
/// there, and the reply that the peer's kernel sends. Neither reaches a device.
///
///     IPv6 header | type 128 or 129, code 0, checksum, identifier[2], sequence[2] | token[16]
enum EchoProbe {
  /// The length of request and reply in bytes.
  static let size = tokenOffset + tokenSize
  /// The length of the token in bytes.
  static let tokenSize = 16

  /// The parts of its request that a reply repeats. They are valid as long as the packet.
  struct Reply {
    /// The request's identifier.
    let identifier: UInt16
    /// The request's sequence number.
    let sequence: UInt16
    /// The request's token.
    let token: Slice<UnsafeRawBufferPointer>
  }

  private static let requestType: UInt8 = 128
  private static let replyType: UInt8 = 129
  private static let identifierOffset = IPv6Header.size + 4
  private static let sequenceOffset = IPv6Header.size + 6
  private static let tokenOffset = IPv6Header.size + 8

  /// Makes a request. `token` has 16 bytes.
  static func request(
    from source: IPv6Address, to destination: IPv6Address, identifier: UInt16, sequence: UInt16 = 0, token: [UInt8]
  ) -> [UInt8] {
    var packet = [UInt8](repeating: 0, count: tokenOffset) + token
    packet.withUnsafeMutableBytes { bytes in
      let icmp = UnsafeMutableRawBufferPointer(rebasing: bytes[IPv6Header.size...])
      IPv6Header(
        payloadLength: UInt16(icmp.count), nextHeader: NextHeader.icmp, hopLimit: 64, source: source,
        destination: destination
      ).store(into: bytes)
      icmp[0] = requestType
      bytes.store(identifier, at: identifierOffset)
      bytes.store(sequence, at: sequenceOffset)
      var checksum = InternetChecksum(
        source: source, destination: destination, length: icmp.count, nextHeader: NextHeader.icmp)
      checksum.add(UnsafeRawBufferPointer(icmp))
      icmp.storeBytes(of: checksum.field, toByteOffset: 2, as: UInt16.self)
    }
    return packet
  }

  /// Reads a packet that may be a reply to such a request; `nil` if it is none.
  static func reply(_ packet: PacketView) -> Reply? {
    let bytes = packet.bytes
    guard !packet.isIPv4, packet.nextHeader == NextHeader.icmp, bytes.count == size,
      bytes[IPv6Header.size] == replyType
    else { return nil }
    return Reply(
      identifier: bytes.number(at: identifierOffset), sequence: bytes.number(at: sequenceOffset),
      token: bytes[tokenOffset...])
  }
}
