/// A neighbour solicitation or advertisement (RFC 4861 sections 4.3 and 4.4), with the addresses of its packet.
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     +---------------+---------------+-------------------------------+
///     | type, 135/136 |   code = 0    |           checksum            |
///     +-+-+-+---------+---------------+-------------------------------+
///     |R|S|O|       reserved (the flags are an advertisement's)       |
///     +-+-+-+---------------------------------------------------------+
///     |                       target, 16 bytes                        |
///     +---------------+---------------+-------------------------------+
///     |  option, 1/2  |   length = 1  |  link-layer address, 6 bytes  |
///     +---------------+---------------+-------------------------------+
struct NeighbourMessage: Equatable {
  /// What it is.
  enum Kind: Equatable {
    /// Who has the target? The option is the asker's: type 1.
    case solicitation
    /// The option is the target's: type 2.
    case advertisement(Flags)
  }

  /// The flags of an advertisement.
  struct Flags: OptionSet {
    let rawValue: UInt8
    /// It answers a solicitation that came from its destination.
    static let solicited = Flags(rawValue: 0x40)
    /// It replaces an address that the receiver knows.
    static let override = Flags(rawValue: 0x20)
  }

  /// The length of a packet with the one option, in bytes.
  static let packetSize = IPv6Header.size + smallest + 8

  /// What it is.
  var kind: Kind
  /// The source of the packet: unspecified in a probe for a duplicate address.
  var source: IPv6Address
  /// The destination of the packet.
  var destination: IPv6Address
  /// The address that is asked about or advertised.
  var target: IPv6Address
  /// The address in the option; `nil` without the option.
  var linkLayerAddress: MACAddress?

  /// Makes a message.
  init(
    _ kind: Kind, target: IPv6Address, linkLayerAddress: MACAddress?, source: IPv6Address, destination: IPv6Address
  ) {
    self.kind = kind
    self.target = target
    self.linkLayerAddress = linkLayerAddress
    self.source = source
    self.destination = destination
  }

  /// Reads the message in `packet`. It is `nil` unless everything that RFC 4861 sections 7.1.1 and 7.1.2 demand holds.
  /// A message behind an extension header is not read: it is sent only in fragments, which RFC 6980 forbids.
  init?(_ packet: PacketView) {
    guard DiscoveryCheck.holds(packet, smallest: NeighbourMessage.smallest) else { return nil }
    let message = UnsafeRawBufferPointer(rebasing: packet.bytes[IPv6Header.size...])
    source = packet.source
    destination = packet.destination
    target = IPv6Address(loading: message, at: 8)
    guard !target.isMulticast else { return nil }
    let options = UnsafeRawBufferPointer(rebasing: message[NeighbourMessage.smallest...])
    switch message[0] {
    case DiscoveryType.solicitation:
      kind = .solicitation
      guard let found = DiscoveryCheck.linkLayerAddress(DiscoveryOption.source, in: options) else { return nil }
      linkLayerAddress = found
      if source == .unspecified, found != nil || !destination.isSolicitedNode { return nil }
    case DiscoveryType.advertisement:
      let flags = Flags(rawValue: message[4])
      kind = .advertisement(flags)
      guard let found = DiscoveryCheck.linkLayerAddress(DiscoveryOption.target, in: options) else { return nil }
      linkLayerAddress = found
      if destination.isMulticast, flags.contains(.solicited) { return nil }
    default: return nil
    }
  }

  /// Writes the packet with its checksum to the first `packetSize` bytes of `packet`, which must be there. Without a
  /// link-layer address it writes one of zeros; no such message is sent.
  func store(into packet: UnsafeMutableRawBufferPointer) {
    let length = NeighbourMessage.packetSize - IPv6Header.size
    IPv6Header(
      payloadLength: UInt16(length), nextHeader: NextHeader.icmp, hopLimit: DiscoveryCheck.hopLimit, source: source,
      destination: destination
    ).store(into: packet)
    let message = UnsafeMutableRawBufferPointer(rebasing: packet[IPv6Header.size..<NeighbourMessage.packetSize])
    message.storeBytes(of: 0, as: UInt64.self)
    switch kind {
    case .solicitation:
      message[0] = DiscoveryType.solicitation
      message[NeighbourMessage.smallest] = DiscoveryOption.source
    case .advertisement(let flags):
      message[0] = DiscoveryType.advertisement
      message[4] = flags.rawValue
      message[NeighbourMessage.smallest] = DiscoveryOption.target
    }
    target.store(into: message, at: 8)
    message[NeighbourMessage.smallest + 1] = 1
    (linkLayerAddress ?? MACAddress(value: 0)).store(into: message, at: NeighbourMessage.smallest + 2)
    var checksum = InternetChecksum(
      source: source, destination: destination, length: length, nextHeader: NextHeader.icmp)
    checksum.add(UnsafeRawBufferPointer(message))
    message.storeBytes(of: checksum.field, toByteOffset: 2, as: UInt16.self)
  }

  private static let smallest = 24
}

extension IPv6Address {
  /// `ff02::1`: every node of the link.
  static let allNodes = IPv6Address(high: 0xff02 << 48, low: 1)

  /// The group in which the node with this address is asked for it (RFC 4291 section 2.7.1).
  var solicitedNode: IPv6Address { IPv6Address(high: 0xff02 << 48, low: 0x1_ff00_0000 | low & 0xff_ffff) }

  /// Whether the address is such a group: `ff02::1:ff00:0/104`.
  var isSolicitedNode: Bool { high == 0xff02 << 48 && low >> 24 == 0x1ff }
}
