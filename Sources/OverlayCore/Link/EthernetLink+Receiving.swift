extension EthernetLink {
  /// Takes a frame that a host or the kernel sent. It may change the packet in it, because it completes a checksum
  /// before it checks it. `isLive` tells whether a peer with this overlay address has a circuit now.
  mutating func receive<Wire: PacketSink & ~Copyable>(
    _ frame: UnsafeMutableRawBufferPointer, _ offload: OffloadHeader, at now: Instant, wire: inout Wire,
    isLive: (IPv6Address) -> Bool
  ) -> Inbound {
    guard let header = EthernetHeader(UnsafeRawBufferPointer(frame)), !header.source.isGroup else {
      return drop(.badFrame)
    }
    guard header.source != settings.macAddress else { return drop(.frameLoop) }
    guard header.destination == settings.macAddress || header.destination.isGroup else { return drop(.foreignFrame) }
    let payload = UnsafeMutableRawBufferPointer(rebasing: frame[EthernetHeader.size...])
    switch header.type {
    case EtherType.ipv6:
      return receiveIPv6(payload, offload, header, at: now, wire: &wire, isLive: isLive)
    case EtherType.ipv4 where settings.carriesIPv4:
      return receiveIPv4(payload, offload, header, at: now, wire: &wire)
    case EtherType.arp where settings.carriesIPv4:
      receiveARP(UnsafeRawBufferPointer(payload), at: now, wire: &wire)
      return .consumed
    case EtherType.ipv4: return drop(.ipv4)
    case EtherType.vlan, EtherType.serviceVLAN: return drop(.taggedFrame)
    default: return drop(.otherFrame)
    }
  }

  private mutating func receiveIPv6<Wire: PacketSink & ~Copyable>(
    _ payload: UnsafeMutableRawBufferPointer, _ offload: OffloadHeader, _ header: EthernetHeader, at now: Instant,
    wire: inout Wire, isLive: (IPv6Address) -> Bool
  ) -> Inbound {
    // A packet without payload that has options would be a jumbogram (RFC 2675), which has no end that we could read.
    guard payload.count >= IPv6Header.size, payload[0] >> 4 == 6 else { return drop(.badFrame) }
    let length = IPv6Header.size + Int(UnsafeRawBufferPointer(payload).number(at: IPv6Header.Field.payloadLength))
    guard length <= payload.count,
      length > IPv6Header.size || payload[IPv6Header.Field.nextHeader] != NextHeader.hopByHopOptions,
      let offload = offload.moved(by: -EthernetHeader.size)
    else { return drop(.badFrame) }
    guard length <= settings.mtu || offload.segmentation != .none else { return drop(.jumboFrame) }
    guard let packet = PacketView(UnsafeMutableRawBufferPointer(rebasing: payload[..<length])),
      let offload = ChecksumCompletion.prepare(packet, offload)
    else { return drop(.badFrame) }
    let range = EthernetHeader.size..<EthernetHeader.size + length
    switch kind(of: packet) {
    case .discovery:
      return discover(packet, range, header, at: now, wire: &wire, isLive: isLive)
    case .addressRequest where packet.destination.isMulticast || packet.destination == linkLocalAddress:
      return request(range, header, at: now)
    // A question is answered to the station that asks, so that the service limits them by itself and no neighbour is
    // learned.
    case .nameRequest where !header.destination.isGroup && !packet.source.isMulticast && packet.source != .unspecified:
      return offload.segmentation == .none ? .request(range, from: header.source) : drop(.lanNameMalformed)
    case .unreadable: return drop(.badFrame)
    case .addressRequest, .nameRequest, .other: break
    }
    guard !header.destination.isGroup, LinkSettings.isHost(packet.destination), LinkSettings.isHost(packet.source)
    else {
      return drop(.multicast)
    }
    learn(packet.source, at: header.source, now, wire: &wire)
    return .packet(range, offload)
  }

  private mutating func receiveIPv4<Wire: PacketSink & ~Copyable>(
    _ payload: UnsafeMutableRawBufferPointer, _ offload: OffloadHeader, _ header: EthernetHeader, at now: Instant,
    wire: inout Wire
  ) -> Inbound {
    guard payload.count >= IPv4Header.size, payload[0] >> 4 == 4,
      let length = try? PacketLength.read(UnsafeRawBufferPointer(payload)), length <= payload.count,
      var offload = offload.moved(by: -EthernetHeader.size)
    else { return drop(.badFrame) }
    guard length <= settings.mtu || offload.segmentation != .none else { return drop(.jumboFrame) }
    let packet = UnsafeMutableRawBufferPointer(rebasing: payload[..<length])
    // The node counts a header with a wrong checksum, unless the frame leaves something to be done.
    if offload != .none {
      guard let view = PacketView(packet), let prepared = ChecksumCompletion.prepare(view, offload) else {
        return drop(.badFrame)
      }
      offload = prepared
    }
    let source = IPv4Header.source(in: UnsafeRawBufferPointer(packet))
    let destination = IPv4Header.destination(in: UnsafeRawBufferPointer(packet))
    guard !header.destination.isGroup, destination.isHost, source.isHost else {
      return drop(.multicast)
    }
    let key = IPv6Address(mapping: source)
    if !table.confirm(key, at: header.source, now), settings.canBeNeighbour(source) {
      learn(key, isOwn: false, at: header.source, now, wire: &wire)
    }
    return .packet(EthernetHeader.size..<EthernetHeader.size + length, offload)
  }

  /// Returns a request for the address service, or drops it if there are too many, because each one may be answered.
  mutating func request(_ range: Range<Int>, _ header: EthernetHeader, at now: Instant) -> Inbound {
    answers.take(at: now) ? .request(range, from: header.source) : drop(.neighbourLimited)
  }

  mutating func drop(_ counter: Counter) -> Inbound {
    counters[counter] += 1
    return .consumed
  }

  private enum Kind {
    /// A message of neighbour discovery: it never leaves the link.
    case discovery
    /// UDP to DHCPv6's port for servers.
    case addressRequest
    /// UDP or TCP to the service for names, where there is one.
    case nameRequest
    /// Headers that could hide a message of neighbour discovery.
    case unreadable
    case other
  }

  private static let addressServicePort: UInt16 = 547

  private func kind(of packet: PacketView) -> Kind {
    let upper: UpperLayer
    switch packet.upper {
    case .whole(let found): upper = found
    case .laterFragment: return .other
    case .unreadable: return .unreadable
    }
    guard packet.count - upper.offset >= 4 else { return .other }
    if upper.isDiscovery(in: packet.bytes) { return .discovery }
    guard upper.offset == IPv6Header.size, packet.count >= IPv6Header.size + UDPHeader.size else { return .other }
    switch (upper.nextHeader, packet.bytes.number(at: upper.offset + 2)) {
    case (NextHeader.udp, EthernetLink.addressServicePort): return .addressRequest
    case (NextHeader.udp, NameService.port), (NextHeader.tcp, NameService.port):
      return settings.answersNames && packet.destination == settings.network.localResponder ? .nameRequest : .other
    default: return .other
    }
  }
}
