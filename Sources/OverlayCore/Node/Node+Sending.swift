/// The way of a packet from the device to a circuit.
extension Node {
  /// Takes a packet that this host, or a host behind it, sends. `offload` says what the kernel left to be done to it.
  /// The hop limit is not counted down, because the kernels on both sides forward the packet and count.
  public mutating func receive<Device: PacketDevice & ~Copyable>(
    fromDevice bytes: UnsafeMutableRawBufferPointer, _ offload: OffloadHeader = .none, turn: inout Turn<Device>
  ) {
    guard settings.carriesIPv4 || bytes.count < IPv4Header.size || bytes[0] >> 4 != 4 else {
      out.counters[.ipv4] += 1
      return
    }
    guard let packet = PacketView(bytes), let offload = ChecksumCompletion.prepare(packet, offload) else {
      out.counters[.malformed] += 1
      return
    }
    switch router.route(packet) {
    case .peer(let address):
      send(packet, offload, to: address, turn: &turn)
    case .selfCall:
      send(packet, offload, to: OverlayNetwork.tor.circuitResponder, turn: &turn)
    case .reflect:
      answer(packet, offload, from: .device, turn: &turn)
    case .foreign:
      guard names.name(of: packet.source) == nil, !peers.hasCircuit(to: packet.source) else {
        out.counters[.returned] += 1
        return
      }
      out.counters[.foreignSource] += 1
      refusals.refuse(packet, .prohibited, through: delivery, out: &out, turn: &turn)
    case .refuse(let code, let counter):
      out.counters[counter] += 1
      refusals.refuse(packet, code, through: delivery, out: &out, turn: &turn)
    case .drop(let counter):
      out.counters[counter] += 1
    }
  }

  private mutating func send<Device: PacketDevice & ~Copyable>(
    _ packet: PacketView, _ offload: OffloadHeader, to address: IPv6Address, turn: inout Turn<Device>
  ) {
    let flow = packet.flow
    guard mayLeave(packet, offload) else { return }
    defer { tellUnresolved(turn: &turn) }
    switch peers.send(
      packet, offload, flow: flow, to: address, names: &names, streams: &streams, out: &out, at: turn.now)
    {
    case .taken: return door.noteSent(packet, to: address, out: &out, at: turn.now)
    case .unreachable: break
    case .unknownName:
      out.counters[.unknownName] += 1
      refusals.tellUnknown(address, out: &out, at: turn.now)
    }
    refusals.refuse(packet, .addressUnreachable, through: delivery, out: &out, turn: &turn)
  }

  /// Lets one of the node's own services answer a packet.
  mutating func answer<Device: PacketDevice & ~Copyable>(
    _ packet: PacketView, _ offload: OffloadHeader, from origin: LocalServices.Origin, turn: inout Turn<Device>
  ) {
    guard services.kind(for: packet, from: origin) == .mirror else { return }
    services.mirror(packet, offload, through: delivery, out: &out, turn: &turn)
  }

  /// Tells the sender of `packet`, which came from a peer, that it could not be delivered. The error goes over a
  /// circuit to the peer that the packet's source belongs to, at most ten times a second to peers that the operator
  /// knows and as often to all others, and errors of the door count apart. Its source is this host's own address. That
  /// holds for IPv4, too, if the peer accepts the address as this host's; otherwise the source is the packet's
  /// destination.
  ///
  /// No error is sent about an error, about a packet to a group, about a fragment that is not the first, or to an
  /// address of which no peer is known.
  public mutating func refuse<Device: PacketDevice & ~Copyable>(
    fromOverlay bytes: UnsafeRawBufferPointer, _ error: DeliveryError, turn: inout Turn<Device>
  ) {
    if let packet = PacketView(reading: bytes) { refuse(fromOverlay: packet, error, at: turn.now) }
  }

  mutating func refuse(fromOverlay packet: PacketView, _ error: DeliveryError, at now: Instant) {
    guard !packet.isIPv4 || settings.carriesIPv4,
      let peer = packet.isIPv4 ? peer(behindOf: packet.source, isIPv4: true) : peer(of: packet.source)
    else { return }
    if let destination = packet.destination.mappedAddress, packet.isIPv4 {
      let reason: ICMPv4Error.Reason =
        switch error {
        case .tooLong(let mtu): .fragmentationNeeded(mtu: UInt16(clamping: max(mtu, IPv4Header.smallestMTU)))
        case .unreachable: .hostUnreachable
        case .prohibited: .prohibited
        }
      let own = settings.ipv4Address.flatMap {
        router.table.match(IPv6Address(mapping: $0), isIPv4: true) == .served ? $0 : nil
      }
      ICMPv4Error.withError(reason, about: packet, from: own ?? destination) {
        tell($0, error, to: peer, at: now)
      }
      return
    }
    // A later fragment shows no upper layer, and a packet whose headers are cut off is not worth an answer.
    guard case .whole = packet.upper else { return }
    switch error {
    case .tooLong(let mtu):
      ICMPv6TooBig.withError(
        mtu: UInt32(clamping: max(mtu, ICMPv6TooBig.smallestMTU)), about: packet, from: settings.name.address
      ) { tell($0, error, to: peer, at: now) }
    case .unreachable:
      ICMPv6Unreachable.withError(.addressUnreachable, about: packet, from: settings.name.address) {
        tell($0, error, to: peer, at: now)
      }
    case .prohibited:
      ICMPv6Unreachable.withError(.prohibited, about: packet, from: settings.name.address) {
        tell($0, error, to: peer, at: now)
      }
    }
  }

  /// Returns the overlay address of the peer that has an address, or that the address is behind.
  func peer(of address: IPv6Address) -> IPv6Address? {
    if admission.isPeer(address) { return address }
    return peer(behindOf: address, isIPv4: false)
  }

  func peer(behindOf address: IPv6Address, isIPv4: Bool) -> IPv6Address? {
    guard case .peer(let peer) = router.table.match(address, isIPv4: isIPv4) else { return nil }
    return peer
  }

  private mutating func tell(
    _ packet: UnsafeRawBufferPointer, _ error: DeliveryError, to peer: IPv6Address, at now: Instant
  ) {
    guard refusals.mayTellPeer(error, isKnown: names.isKnown(peer), out: &out, at: now) else { return }
    if peers.sendOwn(packet, to: peer, names: &names, streams: &streams, out: &out, at: now) {
      out.counters[.peerError] += 1
    }
  }
}
