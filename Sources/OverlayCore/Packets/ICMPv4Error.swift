/// The ICMP error "destination unreachable" (RFC 792, RFC 1191 section 4, RFC 1812 section 5.2.7.1).
///
///     +---------------+---------------+-------------------------------+
///     |   type = 3    |     code      |           checksum            |
///     +---------------+---------------+-------------------------------+
///     |          unused = 0           |   MTU, with code 4; or 0      |
///     +---------------------------------------------------------------+
///     |   as much of the packet as fits into 576 bytes altogether     |
///     +---------------------------------------------------------------+
enum ICMPv4Error {
  /// The reason why the packet was not delivered.
  enum Reason: Equatable {
    /// No route leads to the destination.
    case networkUnreachable
    /// The host, or the peer that it is behind, cannot be reached.
    case hostUnreachable
    /// The packet is longer than the link's MTU in bytes, and must not be fragmented.
    case fragmentationNeeded(mtu: UInt16)
    /// The sender may not use this way.
    case prohibited

    fileprivate var code: UInt8 {
      switch self {
      case .networkUnreachable: 0
      case .hostUnreachable: 1
      case .fragmentationNeeded: 4
      case .prohibited: 13
      }
    }

    fileprivate var mtu: UInt16 {
      if case .fragmentationNeeded(let mtu) = self { mtu } else { 0 }
    }
  }

  /// The length of the longest error in bytes, which every IPv4 host takes (RFC 1812 section 4.3.2.3).
  static let largestSize = 576
  /// The protocol's assigned number.
  static let protocolNumber: UInt8 = 1

  private static let headersSize = IPv4Header.size + 8
  private static let type: UInt8 = 3

  /// Calls `body` with the error about `packet` that `source` sends. It does nothing if RFC 1812 section 4.3.2.7
  /// forbids an error: about another error, a fragment that is not the first, a packet to a group, or one from an
  /// address that is no single host's.
  static func withError(
    _ reason: Reason, about packet: PacketView, from source: IPv4Address,
    _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    guard let header = IPv4Header(packet), mayBeAnswered(header, packet) else { return }
    let quoted = packet.bytes.prefix(largestSize - headersSize)
    withUnsafeTemporaryAllocation(byteCount: headersSize + quoted.count, alignment: 8) { error in
      let icmp = UnsafeMutableRawBufferPointer(rebasing: error[IPv4Header.size...])
      store(into: error, from: source, to: header.source)
      icmp.storeBytes(of: 0, as: UInt64.self)
      icmp[0] = type
      icmp[1] = reason.code
      icmp.store(reason.mtu, at: 6)
      UnsafeMutableRawBufferPointer(rebasing: icmp[8...]).copyBytes(from: quoted)
      var checksum = InternetChecksum()
      checksum.add(UnsafeRawBufferPointer(icmp))
      icmp.storeBytes(of: checksum.field, toByteOffset: 2, as: UInt16.self)
      body(UnsafeRawBufferPointer(error))
    }
  }

  private static func store(
    into error: UnsafeMutableRawBufferPointer, from source: IPv4Address, to destination: IPv4Address
  ) {
    let header = UnsafeMutableRawBufferPointer(rebasing: error[..<IPv4Header.size])
    header.initializeMemory(as: UInt8.self, repeating: 0)
    // Its DSCP is zero, as that of all that goes to peers, and not what RFC 1812 section 4.3.2.5 wants of routers:
    // nothing on its way looks at it, and to a peer it would tell who made the error.
    header[0] = 0x45
    header.store(UInt16(truncatingIfNeeded: error.count), at: IPv4Header.Field.totalLength)
    // What is never fragmented needs no identification (RFC 6864 section 4.1).
    header.store(IPv4Header.Field.mayNotBeFragmented, at: IPv4Header.Field.fragment)
    header[IPv4Header.Field.timeToLive] = 64
    header[IPv4Header.Field.protocolNumber] = protocolNumber
    source.store(into: header, at: IPv4Header.Field.source)
    destination.store(into: header, at: IPv4Header.Field.destination)
    IPv4Header.complete(header)
  }

  private static func mayBeAnswered(_ header: IPv4Header, _ packet: PacketView) -> Bool {
    guard let upper = packet.upper.layer, isSingleHost(header.source), isSingleHost(header.destination) else {
      return false
    }
    guard upper.nextHeader == protocolNumber else { return true }
    return upper.offset < packet.count && questions.contains(packet.memory[upper.offset])
  }

  /// Returns whether an error may be about a packet from or to `address` (RFC 1122 section 3.2.2): the address is of
  /// one host, which may be one of this link.
  private static func isSingleHost(_ address: IPv4Address) -> Bool { address.isHost || address.isLinkLocal }

  /// The types of ICMP messages that are no errors: echo, router discovery, timestamp, information, address mask,
  /// extended echo. An unknown type is taken for an error.
  private static let questions: Set<UInt8> = [0, 8, 9, 10, 13, 14, 15, 16, 17, 18, 42, 43]
}
