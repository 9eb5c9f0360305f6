extension EthernetLink {
  /// Takes a message of neighbour discovery, an IPv6 packet in `range` of a frame with this header.
  mutating func discover<Wire: PacketSink & ~Copyable>(
    _ packet: PacketView, _ range: Range<Int>, _ header: EthernetHeader, at now: Instant,
    wire: inout Wire, isLive: (IPv6Address) -> Bool
  ) -> Inbound {
    guard let message = NeighbourMessage(packet) else {
      guard RouterSolicitation.isValid(packet) else { return drop(.badNeighbour) }
      return request(range, header, at: now)
    }
    switch message.kind {
    case .solicitation: solicited(message, from: header.source, at: now, wire: &wire, isLive: isLive)
    case .advertisement(let flags): advertised(message, flags, from: header.source, at: now, wire: &wire)
    }
    return .consumed
  }

  private mutating func solicited<Wire: PacketSink & ~Copyable>(
    _ message: NeighbourMessage, from station: MACAddress, at now: Instant, wire: inout Wire,
    isLive: (IPv6Address) -> Bool
  ) {
    if let address = message.linkLayerAddress { learn(message.source, at: address, now, wire: &wire) }
    if settings.isElsewhere(message.source), !settings.network.contains(message.source) {
      noteMisplaced(.ipv6(IPv6Prefix(message.source)))
    }
    let isLink = message.target == linkLocalAddress
    guard isLink || settings.isElsewhere(message.target) else { return }
    // The limit comes before the question whether the peer is live, which looks at every circuit, so that a storm of
    // probes costs no more than one of other questions.
    guard mayAnswer(at: now) else { return }
    // The link answers for peers as a proxy, and gives way to a host that has the address itself: no override (RFC 4861
    // section 7.2.4).
    let override: NeighbourMessage.Flags = isLink ? .override : []
    guard message.source != .unspecified else {
      // Somebody is about to take the address. Only its owner may object, and tells everybody (RFC 4862 section 5.4.3).
      guard isLink || isLive(message.target) else { return }
      let group = MACAddress(group: .allNodes)
      _ = answer(message.target, override, to: .allNodes, group, wire: &wire)
      return
    }
    let isAnswered = answer(
      message.target, override.union(.solicited), to: message.source, message.linkLayerAddress ?? station, wire: &wire)
    if isAnswered, isPeer(message.target) { note(.wanted(message.target, source: message.source)) }
  }

  private mutating func mayAnswer(at now: Instant) -> Bool {
    let isAllowed = answers.take(at: now)
    if !isAllowed { counters[.neighbourLimited] += 1 }
    return isAllowed
  }

  private func isPeer(_ address: IPv6Address) -> Bool {
    settings.network.contains(address) && !settings.isResponder(address)
  }

  private mutating func answer<Wire: PacketSink & ~Copyable>(
    _ target: IPv6Address, _ flags: NeighbourMessage.Flags, to destination: IPv6Address, _ station: MACAddress,
    wire: inout Wire
  ) -> Bool {
    // The source is the sender's own address (RFC 4861 section 4.4), which that of a peer is not.
    let message = NeighbourMessage(
      .advertisement(flags), target: target, linkLayerAddress: settings.macAddress, source: linkLocalAddress,
      destination: destination)
    guard send(message, to: station, wire: &wire) else { return false }
    counters[.neighbourAnswered] += 1
    return true
  }

  private mutating func advertised<Wire: PacketSink & ~Copyable>(
    _ message: NeighbourMessage, _ flags: NeighbourMessage.Flags, from station: MACAddress, at now: Instant,
    wire: inout Wire
  ) {
    guard settings.canBeNeighbour(message.target) else { return }
    guard let address = message.linkLayerAddress else {
      // A host that was asked at its station may leave out its address.
      if flags.contains(.solicited) { _ = table.confirm(message.target, at: station, now) }
      return
    }
    if table.confirm(message.target, at: address, now) { return }
    if !flags.contains(.override), table.doubt(message.target) { return }
    learn(message.target, at: address, now, wire: &wire)
  }

  /// Returns whether the host that has `address` is at this station, as far as can be known on a link where any station
  /// can write any address: where that is open, all hosts are asked, and who has it answers before the station is
  /// believed. That is false at first; whoever has the address asks again.
  mutating func has<Wire: PacketSink & ~Copyable>(
    _ address: IPv6Address, at station: MACAddress, _ now: Instant, wire: inout Wire
  ) -> Bool {
    switch table.claim(to: address, by: station, now) {
    case .held: return true
    case .waiting: return false
    case .open:
      guard claimSolicitations.take(at: now) else {
        counters[.neighbourLimited] += 1
        return false
      }
      if solicit(address, at: nil, now, wire: &wire) { table.asked(address, now) }
      return false
    }
  }

  mutating func receiveARP<Wire: PacketSink & ~Copyable>(
    _ payload: UnsafeRawBufferPointer, at now: Instant, wire: inout Wire
  ) {
    guard let packet = ARPPacket(payload), packet.senderMACAddress != settings.macAddress else {
      counters[.badNeighbour] += 1
      return
    }
    if settings.canBeNeighbour(packet.senderAddress) {
      learn(IPv6Address(mapping: packet.senderAddress), isOwn: false, at: packet.senderMACAddress, now, wire: &wire)
    } else if settings.isElsewhere(packet.senderAddress) {
      noteMisplaced(.ipv4(IPv4Prefix(packet.senderAddress)))
    }
    // A probe (RFC 5227) asks whether anybody on this link has the address, and nobody has. A host that announces its
    // own address would give it up if it were answered.
    guard packet.operation == .request, packet.senderAddress != .unspecified,
      packet.senderAddress != packet.targetAddress, settings.isElsewhere(packet.targetAddress)
    else { return }
    guard mayAnswer(at: now) else { return }
    let reply = ARPPacket(
      .reply, from: (settings.macAddress, packet.targetAddress), to: (packet.senderMACAddress, packet.senderAddress))
    if send(reply, to: packet.senderMACAddress, wire: &wire) { counters[.neighbourAnswered] += 1 }
  }

  /// Asks the host with `address` (see `NeighbourTable.Entry`) where it is. It asks all hosts of the link, or the
  /// station where the host was, if that is known. It returns false if it did not ask.
  mutating func solicit<Wire: PacketSink & ~Copyable>(
    _ address: IPv6Address, at station: MACAddress?, _ now: Instant, wire: inout Wire
  ) -> Bool {
    guard solicitations.take(at: now) else {
      counters[.neighbourLimited] += 1
      return false
    }
    let isSent: Bool
    if let address = address.mappedAddress {
      let probe = ARPPacket(
        .request, from: (settings.macAddress, .unspecified), to: (MACAddress(value: 0), address))
      isSent = send(probe, to: station ?? .broadcast, wire: &wire)
    } else {
      let destination = station == nil ? address.solicitedNode : address
      let message = NeighbourMessage(
        .solicitation, target: address, linkLayerAddress: settings.macAddress, source: linkLocalAddress,
        destination: destination)
      isSent = send(message, to: station ?? MACAddress(group: destination), wire: &wire)
    }
    if isSent { counters[.neighbourSolicited] += 1 }
    return isSent
  }

  private mutating func send<Wire: PacketSink & ~Copyable>(
    _ message: NeighbourMessage, to station: MACAddress, wire: inout Wire
  ) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: NeighbourMessage.packetSize, alignment: 8) { packet in
      message.store(into: packet)
      return transmit(UnsafeRawBufferPointer(packet), EtherType.ipv6, to: station, wire: &wire)
    }
  }

  private mutating func send<Wire: PacketSink & ~Copyable>(
    _ packet: ARPPacket, to station: MACAddress, wire: inout Wire
  ) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: ARPPacket.size, alignment: 8) { bytes in
      packet.store(into: bytes)
      return transmit(UnsafeRawBufferPointer(bytes), EtherType.arp, to: station, wire: &wire)
    }
  }
}
