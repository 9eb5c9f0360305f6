/// The format and the rules of all ICMPv6 errors (RFC 4443 section 2.4).
///
///     +---------------+---------------+-------------------------------+
///     |     type      |     code      |           checksum            |
///     +---------------+---------------+-------------------------------+
///     |                           parameter                           |
///     +---------------------------------------------------------------+
///     |  as much of the packet as fits into 1,280 bytes altogether    |
///     +---------------------------------------------------------------+
enum ICMPv6Error {
  /// The length of the longest error, in bytes: every IPv6 link carries so much.
  static let largestSize = 1_280

  /// The offset of the checksum in every ICMPv6 message, in bytes.
  static let checksum = 2
  /// The lowest type of a message that is no error.
  static let firstOther: UInt8 = 128

  /// The offset of the quoted packet in every ICMPv6 error, in bytes.
  static let quoteOffset = 8

  private static let headersSize = IPv6Header.size + quoteOffset

  /// Calls `body` with the error about `packet` that `source` sends. It does nothing if RFC 4443 section 2.4 (e)
  /// forbids an error: about another error, about a packet to or from a group, and about one from the unspecified
  /// address. Nor does it about an IPv4 packet.
  static func withError(
    type: UInt8, code: UInt8, parameter: UInt32, about packet: PacketView, from source: IPv6Address,
    _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    guard mayBeAnswered(packet) else { return }
    let quoted = packet.bytes.prefix(largestSize - headersSize)
    let size = headersSize + quoted.count
    withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { error in
      let icmp = UnsafeMutableRawBufferPointer(rebasing: error[IPv6Header.size...])
      IPv6Header(
        payloadLength: UInt16(icmp.count), nextHeader: NextHeader.icmp, hopLimit: 64, source: source,
        destination: packet.source
      ).store(into: error)
      icmp.storeBytes(of: 0, as: UInt32.self)
      icmp[0] = type
      icmp[1] = code
      icmp.storeBytes(of: parameter.bigEndian, toByteOffset: 4, as: UInt32.self)
      UnsafeMutableRawBufferPointer(rebasing: icmp[8...]).copyBytes(from: quoted)
      var checksum = InternetChecksum(
        source: source, destination: packet.source, length: icmp.count, nextHeader: NextHeader.icmp)
      checksum.add(UnsafeRawBufferPointer(icmp))
      icmp.storeBytes(of: checksum.field, toByteOffset: 2, as: UInt16.self)
      body(UnsafeRawBufferPointer(error))
    }
  }

  private static func mayBeAnswered(_ packet: PacketView) -> Bool {
    guard !packet.isIPv4, !packet.destination.isMulticast, !packet.source.isMulticast, packet.source != .unspecified
    else { return false }
    return !isICMPv6Error(packet)
  }

  private static func isICMPv6Error(_ packet: PacketView) -> Bool {
    guard let upper = packet.upper.layer, upper.nextHeader == NextHeader.icmp, upper.offset < packet.count else {
      return false
    }
    return packet.memory[upper.offset] < firstOther
  }
}

/// The ICMPv6 error "destination unreachable" (RFC 4443 section 3.1). It tells applications at once that nobody will
/// answer. Its parameter is unused.
enum ICMPv6Unreachable {
  /// Why the packet was not delivered.
  enum Code: UInt8, Sendable {
    /// No route leads to the destination, which is outside the overlay.
    case noRoute = 0
    /// The sender may not use this way.
    case prohibited = 1
    /// The host cannot be reached, because its name is unknown or no circuit can be built.
    case addressUnreachable = 3
  }

  /// The type of the message.
  static let type: UInt8 = 1

  /// Calls `body` with the error about `packet` that `source` sends. It does nothing if no error may be sent.
  static func withError(
    _ code: Code, about packet: PacketView, from source: IPv6Address,
    _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    ICMPv6Error.withError(type: type, code: code.rawValue, parameter: 0, about: packet, from: source, body)
  }
}

/// The ICMPv6 error "packet too big" (RFC 4443 section 3.2). It tells a sender how long packets may be. Its parameter
/// is the MTU of the link that the packet did not fit.
enum ICMPv6TooBig {
  /// The smallest MTU of an IPv6 link, in bytes (RFC 8200 section 5). The MTU of an egress is never taken to be
  /// smaller.
  static let smallestMTU = 1_280

  private static let type: UInt8 = 2

  /// Calls `body` with the error about `packet` that `source` sends. It does nothing if no error may be sent.
  static func withError(
    mtu: UInt32, about packet: PacketView, from source: IPv6Address,
    _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    ICMPv6Error.withError(type: type, code: 0, parameter: mtu, about: packet, from: source, body)
  }
}
