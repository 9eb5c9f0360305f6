/// What tells a LAN's hosts that the overlay's prefix is on the link and that addresses are given by DHCPv6, and that
/// we are nobody's default router (RFC 4861 section 4.2).
///
///     +---------------+---------------+-------------------------------+
///     |  type = 134   |   code = 0    |           checksum            |
///     +---------------+-+-+-----------+-------------------------------+
///     | hop limit = 0 |M|O| reserved  |      router lifetime = 0      |
///     +---------------+-+-+-----------+-------------------------------+
///     |                     reachable time = 0                        |
///     +---------------------------------------------------------------+
///     |                   retransmission time = 0                     |
///     +---------------------------------------------------------------+
///     |  options: source link-layer address, MTU, prefix information  |
///     +---------------------------------------------------------------+
///
/// Where names are answered for, two options follow: the name server (RFC 8106 section 5.1) and the search list
/// (section 5.2).
///
///     +---------------+---------------+-------------------------------+
///     |   type = 25   |  length = 3   |          reserved = 0         |
///     +---------------+---------------+-------------------------------+
///     |                       lifetime, seconds                       |
///     +---------------------------------------------------------------+
///     |            address of the name server, 16 bytes               |
///     +---------------------------------------------------------------+
///
///     +---------------+---------------+-------------------------------+
///     |   type = 31   | length / 8    |          reserved = 0         |
///     +---------------+---------------+-------------------------------+
///     |                       lifetime, seconds                       |
///     +---------------------------------------------------------------+
///     |  the zone as RFC 1035 section 3.1 writes it, and zeros        |
///     +---------------------------------------------------------------+
///
/// A lifetime of 0 there withdraws both: hosts forget them at once. The prefix stays, so that what goes to a peer still
/// goes to this link, where nobody takes it, and not to a default router.
///
/// M is 1 and O is 0; zeros elsewhere say nothing. In the prefix's option L is 1 and A is 0: it is on the link, and
/// nobody is to make an address in it.
struct RouterAdvertisement {
  /// The MAC address of the link's own side.
  var macAddress: MACAddress
  /// What is on the link.
  var prefix: IPv6Prefix
  /// How many bytes a packet on the link may have; `nil` if that is the link's business. Less than IPv6 needs is not
  /// told.
  var mtu: UInt32?
  /// The zone of the names that are answered for on the link; `nil` if none are.
  var zone: DNSName?
  /// Whether the zone is answered for no more.
  var isWithdrawn = false

  /// RFC 4861 section 6.2.1, AdvValidLifetime: a LAN that has lost its overlay forgets it in the end.
  private static let validLifetime: UInt32 = 30 * 86_400
  /// The same, AdvPreferredLifetime.
  private static let preferredLifetime: UInt32 = 7 * 86_400
  /// RFC 8106 section 5.1: three times the longest time between two advertisements, 600 s.
  private static let nameServerLifetime: UInt32 = 1_800
  private static let managed: UInt8 = 0x80
  private static let onLink: UInt8 = 0x80
  private static let smallestMTU: UInt32 = 1_280

  /// The whole packet, to all hosts of the link.
  var packet: [UInt8] {
    var message: [UInt8] = [134, 0, 0, 0, 0, RouterAdvertisement.managed, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    message += [1, 1] + macAddress.bytes
    if let mtu, mtu >= RouterAdvertisement.smallestMTU {
      message += [5, 1, 0, 0]
      message.append(bigEndian: mtu)
    }
    message += [3, 4, UInt8(truncatingIfNeeded: prefix.length), RouterAdvertisement.onLink]
    message.append(bigEndian: RouterAdvertisement.validLifetime)
    message.append(bigEndian: RouterAdvertisement.preferredLifetime)
    message += [0, 0, 0, 0] + prefix.address.bytes
    if let zone {
      let lifetime = isWithdrawn ? 0 : RouterAdvertisement.nameServerLifetime
      message += [25, 3, 0, 0]
      message.append(bigEndian: lifetime)
      message += OverlayNetwork.tor.localResponder.bytes
      let words = (zone.wire.count + 7) / 8
      message += [31, UInt8(truncatingIfNeeded: 1 + words), 0, 0]
      message.append(bigEndian: lifetime)
      message += zone.wire + [UInt8](repeating: 0, count: words * 8 - zone.wire.count)
    }
    let source = macAddress.linkLocalAddress
    message.withUnsafeMutableBytes { bytes in
      var checksum = InternetChecksum(
        source: source, destination: .allNodes, length: bytes.count, nextHeader: NextHeader.icmp)
      checksum.add(UnsafeRawBufferPointer(bytes))
      bytes.storeBytes(of: checksum.field, toByteOffset: 2, as: UInt16.self)
    }
    return IPv6Header(
      payloadLength: UInt16(message.count), nextHeader: NextHeader.icmp, hopLimit: 255, source: source,
      destination: .allNodes
    ).bytes + message
  }
}
