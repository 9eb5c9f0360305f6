/// The flow of a packet, as far as a router can tell it: by addresses, protocol and ports, or by the flow label where
/// it cannot see ports (RFC 6437 section 3).
extension PacketView {
  /// The hash of the packet's flow.
  var flow: UInt32 {
    let protocolNumber = UInt64(nextHeader) << 32
    if isIPv4 {
      var hash = (protocolNumber | version4Selector) &* 0x9e37_79b9_7f4a_7c15
      hash = (hash ^ hash >> 29) &* 0xbf58_476d_1ce4_e5b9
      hash ^= PacketView.ofVersion4(source) | PacketView.ofVersion4(destination) << 32
      return PacketView.finish(hash)
    }
    var hash = (protocolNumber | version6Selector) &* 0x9e37_79b9_7f4a_7c15
    PacketView.add(source.high, to: &hash)
    PacketView.add(source.low, to: &hash)
    PacketView.add(destination.high, to: &hash)
    PacketView.add(destination.low, to: &hash)
    return PacketView.finish(hash)
  }

  /// The part of the hash beside addresses and protocol. Extension headers hide it, because not every fragment has
  /// them.
  @inline(__always)
  private var version6Selector: UInt64 {
    let start = IPv6Header.size
    switch nextHeader {
    case NextHeader.tcp where count >= start + TCPHeader.size, NextHeader.udp where count >= start + UDPHeader.size:
      return ports(at: start)
    case NextHeader.icmp where count >= start + 8: return echo(at: start)
    default: return UInt64(UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)) & 0xfffff)
    }
  }

  /// The same of IPv4. All fragments of a packet count as one flow without ports, because only the first has those.
  @inline(__always)
  private var version4Selector: UInt64 {
    guard case .whole(let upper) = upper, !upper.isFragment, count >= upper.offset + 8 else { return 0 }
    switch nextHeader {
    case NextHeader.tcp, NextHeader.udp: return ports(at: upper.offset)
    case ICMPv4Error.protocolNumber: return echo(at: upper.offset)
    default: return 0
    }
  }

  @inline(__always)
  private func ports(at offset: Int) -> UInt64 {
    UInt64(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// Returns the type and the identifier of an echo message.
  @inline(__always)
  private func echo(at offset: Int) -> UInt64 {
    UInt64(bytes[offset]) << 16 | UInt64(bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt16.self))
  }

  @inline(__always)
  private static func ofVersion4(_ address: IPv6Address) -> UInt64 {
    UInt64(UInt32(truncatingIfNeeded: address.low).bigEndian)
  }

  @inline(__always)
  private static func add(_ half: UInt64, to hash: inout UInt64) {
    hash = (hash ^ hash >> 29) &* 0xbf58_476d_1ce4_e5b9
    hash ^= half.bigEndian
  }

  @inline(__always)
  private static func finish(_ hash: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: ((hash ^ hash >> 32) &* 0x94d0_49bb_1331_11eb) >> 32)
  }
}
