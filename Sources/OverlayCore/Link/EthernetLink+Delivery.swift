extension EthernetLink {
  /// Sends an IP packet, whose headers are all in its first run, to the host on this side that has its destination, or
  /// keeps it while the link asks where that host is. The frame has the Ethernet header as one further first run. It
  /// returns false if the device refused the frame, or the packet was dropped and counted.
  mutating func deliver<Wire: PacketSink & ~Copyable>(
    _ packet: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ offload: OffloadHeader, at now: Instant, wire: inout Wire
  ) -> Bool {
    guard let first = packet.first, let version = first.first.map({ $0 >> 4 }) else { return refuse(.malformed) }
    switch version {
    case 6 where first.count >= IPv6Header.size:
      let destination = IPv6Header.destination(in: first)
      guard LinkSettings.isHost(destination) else { return refuse(.multicast) }
      return deliver(
        packet, offload, EtherType.ipv6, from: IPv6Header.source(in: first), to: destination, at: now, wire: &wire)
    case 4 where first.count >= IPv4Header.size && settings.carriesIPv4:
      let destination = IPv4Header.destination(in: first)
      guard destination.isHost else { return refuse(.multicast) }
      let key = IPv6Address(mapping: destination)
      return deliver(
        packet, offload, EtherType.ipv4, from: IPv6Address(mapping: IPv4Header.source(in: first)), to: key, at: now,
        wire: &wire)
    default: return refuse(.malformed)
    }
  }

  /// Sends a packet of the address service, a router advertisement or an answer of DHCPv6, to a station or a group of
  /// them. It returns false if the device did not take it.
  mutating func send<Wire: PacketSink & ~Copyable>(
    _ packet: UnsafeRawBufferPointer, to station: MACAddress, wire: inout Wire
  ) -> Bool {
    transmit(packet, EtherType.ipv6, to: station, wire: &wire)
  }

  private mutating func deliver<Wire: PacketSink & ~Copyable>(
    _ packet: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ offload: OffloadHeader, _ type: UInt16,
    from sender: @autoclosure () -> IPv6Address, to address: IPv6Address, at now: Instant, wire: inout Wire
  ) -> Bool {
    switch table.find(address, now) {
    case .known(let station, let isDoubtful):
      if isDoubtful {
        // Who was not asked is not to be forgotten for having said nothing.
        if solicit(address, at: station, now, wire: &wire) { table.probed(address, now) }
      }
      return transmit(packet, offload, type, to: station, wire: &wire)
    case .unknown:
      return keep(packet, offload, from: sender(), for: address, at: now, wire: &wire)
    }
  }

  private mutating func keep<Wire: PacketSink & ~Copyable>(
    _ packet: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ offload: OffloadHeader, from sender: IPv6Address,
    for address: IPv6Address, at now: Instant, wire: inout Wire
  ) -> Bool {
    if !waiting.contains(address) {
      guard let dropped = waiting.insert(address, isOwn: settings.isOwn(address), from: sender, now) else {
        return refuse(.neighbourQueueFull)
      }
      counters[.neighbourQueueFull] += UInt64(dropped)
    }
    let (dropped, isKept) = waiting.keep(packet, offload, for: address)
    counters[.neighbourQueueFull] += UInt64(dropped)
    // The first question is asked now.
    advance(to: now, wire: &wire)
    return isKept
  }

  /// Notes that a host said or showed that it is at this station, and sends it the packets that waited for it.
  mutating func learn<Wire: PacketSink & ~Copyable>(
    _ address: IPv6Address, at station: MACAddress, _ now: Instant, wire: inout Wire
  ) {
    if table.confirm(address, at: station, now) { return }
    guard settings.canBeNeighbour(address) else { return }
    learn(address, isOwn: settings.isOwn(address), at: station, now, wire: &wire)
  }

  /// Does the same for an address of either IP version (see `NeighbourTable.Entry`) that can be a host's.
  mutating func learn<Wire: PacketSink & ~Copyable>(
    _ address: IPv6Address, isOwn: Bool, at station: MACAddress, _ now: Instant, wire: inout Wire
  ) {
    guard station != settings.macAddress, !station.isGroup, station.value != 0 else { return }
    if !table.learn(address, at: station, isOwn: isOwn, now) { counters[.neighbourTableFull] += 1 }
    guard !waiting.isEmpty else { return }
    let type = address.mappedAddress == nil ? EtherType.ipv6 : EtherType.ipv4
    for packet in waiting.take(address) {
      packet.bytes.withUnsafeBytes { bytes in
        withUnsafePointer(to: bytes) {
          _ = transmit(
            UnsafeBufferPointer(start: $0, count: 1), packet.offload, type, to: station, wire: &wire)
        }
      }
    }
  }

  private mutating func refuse(_ counter: Counter) -> Bool {
    counters[counter] += 1
    return false
  }
}
