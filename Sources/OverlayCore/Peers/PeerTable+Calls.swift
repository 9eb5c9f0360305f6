/// The circuits that others dial to us: who says to be there, who is let in, and who stays when there are too many.
extension PeerTable {
  /// How long an accepted circuit may be there without having said who calls, or brought a packet.
  static let firstPacketTimeout = Duration.seconds(30)
  /// How much longer an accepted circuit may be idle than one that we dialled: whoever dialled it decides.
  private static let acceptedGrace = Duration.seconds(30)

  // MARK: - Places

  /// How many circuits may be accepted: three quarters of all beside those that we dialled, but a quarter at the least.
  private func callLimit(in streams: borrowing Streams) -> Int {
    let (limit, dialled) = (policy.bounds.circuits, streams.count - calls.count)
    return max(limit / 4, limit - limit / 4 - dialled)
  }

  /// Whether there is room for a circuit that we dial, or `makeRoomToDial` can make it: three quarters of all are for those,
  /// an eighth of them for peers that the operator named, for which a call of somebody else makes room.
  func hasRoomToDial(isConfigured: Bool, in streams: borrowing Streams) -> Bool {
    let limit = policy.bounds.circuits
    let reserve = isConfigured ? 0 : limit / 8
    guard streams.count - calls.count < limit - limit / 4 - reserve else { return false }
    return streams.count < limit - reserve || isConfigured && calls.holdsUnknown
  }

  /// Lets a call make room for a circuit that is dialled now, where there is none.
  mutating func makeRoomToDial(names: inout NameTable, streams: inout Streams, out: inout Outbox) {
    guard streams.count >= policy.bounds.circuits,
      let other = calls.leastWanted(using: &random, in: streams.circuits)
    else { return }
    crowdOut(other, names: &names, streams: &streams, out: &out)
  }

  /// Somebody called our onion service; `nil` if no more circuits are wanted.
  mutating func accepted(
    names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) -> CircuitIdentifier? {
    if streams.count >= policy.bounds.circuits || calls.count >= callLimit(in: streams) {
      guard let other = calls.newcomerPlace(at: now, using: &random, in: streams.circuits) else {
        out.counters[.circuitLimit] += 1
        return nil
      }
      crowdOut(other, names: &names, streams: &streams, out: &out)
    }
    out.counters[.accepted] += 1
    let circuit = streams.accept(at: now)
    set(.call(Call()), of: circuit)
    calls.insert(circuit)
    look(at: circuit, when: now + PeerTable.firstPacketTimeout)
    return circuit
  }

  /// What a name that a circuit claims, or that it was dialled to, is worth before any packet has come.
  func standing(of address: IPv6Address, _ names: borrowing NameTable) -> Standing {
    names.isKnown(address) ? .known : .unproven
  }

  /// A circuit has brought a packet that is let in.
  mutating func noteDelivery(
    on circuit: CircuitIdentifier, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard streams[circuit].standing == .unproven, let source = source(of: circuit) else { return }
    let standing: Standing = names.isKnown(source) ? .known : .stranger
    raise(circuit, to: standing, names: &names, streams: &streams, out: &out, at: now)
  }

  /// A circuit that was read may still be without the place that it has earned.
  mutating func noteRead(
    of circuit: CircuitIdentifier, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard let call = call(circuit), call.isWithoutPlace else { return }
    findPlace(for: circuit, names: &names, streams: &streams, out: &out, at: now)
  }

  private mutating func raise(
    _ circuit: CircuitIdentifier, to standing: Standing, names: inout NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    guard standing.rawValue > streams[circuit].standing.rawValue else { return }
    streams.rank(circuit, as: standing)
    if call(circuit) != nil { findPlace(for: circuit, names: &names, streams: &streams, out: &out, at: now) }
  }

  private mutating func findPlace(
    for circuit: CircuitIdentifier, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard var call = call(circuit) else { return }
    let others = call.sender.address.flatMap { peers.find($0) }.map { peers[$0].incoming } ?? []
    let placement = calls.establish(
      circuit, beside: others, limit: callLimit(in: streams), at: now, using: &random, in: streams.circuits)
    call.isWithoutPlace = placement == .none
    set(.call(call), of: circuit)
    if case .takenFrom(let other) = placement { crowdOut(other, names: &names, streams: &streams, out: &out) }
  }

  private mutating func crowdOut(
    _ circuit: CircuitIdentifier, names: inout NameTable, streams: inout Streams, out: inout Outbox
  ) {
    out.counters[.crowdedOut] += 1
    close(circuit, names: &names, streams: &streams, out: &out)
    out.tell(.crowdedOut)
  }

  /// When an accepted circuit is closed unless something comes. Bytes that say nothing do not keep it.
  func end(of call: Call, _ circuit: borrowing Circuit) -> Instant {
    let isUsable =
      switch call.sender {
      case .selfCall, .claimed(_, .some): true
      case .refused: false
      case .unknown, .claimed(_, .none): circuit.standing != .unproven
      }
    guard isUsable else { return circuit.began + PeerTable.firstPacketTimeout }
    return circuit.lastReceived + max(policy.idle, PeerTable.keepaliveInterval) + PeerTable.acceptedGrace
  }

  // MARK: - Who calls

  /// Whether a caller may say to be this peer: not to be a host that is on this side.
  private func mayClaim(_ source: IPv6Address) -> Bool {
    OverlayNetwork.tor.isPeer(source, of: policy.name.address) && !policy.siblings.contains(source)
  }

  /// The first packet of an accepted circuit says whose it is.
  mutating func claim(_ circuit: CircuitIdentifier, by source: IPv6Address, names: borrowing NameTable, at now: Instant)
  {
    guard mayClaim(source) else { return }
    setSender(.claimed(source, nil), of: circuit, names)
    if let peer = peers.find(source), names.name(of: source) != nil { called(peer, at: now) }
  }

  /// Sets who sent an accepted circuit, and lets it stand with the circuits of that peer.
  private mutating func setSender(_ sender: Sender, of circuit: CircuitIdentifier, _ names: borrowing NameTable) {
    guard var call = call(circuit) else { return }
    let before = caller(call.sender)
    call.sender = sender
    set(.call(call), of: circuit)
    if let address = sender.address { _ = findOrInsert(address, names.name(of: address)) }
    let after = caller(sender)
    guard before != after else { return }
    if let after { peers[after].incoming.append(circuit) }
    if let before {
      peers[before].incoming.removeAll { $0 == circuit }
      forgetIfUnknown(before)
    }
  }

  /// Reads a keepalive.
  mutating func heard(
    _ packet: PacketView, on circuit: CircuitIdentifier, names: inout NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    out.counters[.keepalive] += 1
    // Who answers on the circuit that we dialled is who we dialled: Tor knows, and the keepalive adds nothing.
    guard let sender = call(circuit)?.sender else { return }
    let keepalive: Keepalive
    do {
      keepalive = try Keepalive(packet)
    } catch {
      guard error == .nameless else {
        out.counters[.badKeepalive] += 1
        return
      }
      // An old OnionCat's says that it is still there, and no more.
      if sender == .unknown {
        claim(circuit, by: packet.source, names: names, at: now)
      } else if sender.address != packet.source {
        out.counters[.changedClaim] += 1
      }
      return
    }
    if keepalive.name == policy.name {
      return recognise(keepalive, on: circuit, sender, names: &names, streams: &streams, out: &out, at: now)
    }
    guard mayClaim(packet.source) else {
      out.counters[.badKeepalive] += 1
      return
    }
    guard sender == .unknown || sender == .claimed(packet.source, nil) || sender.name == keepalive.name else {
      out.counters[.changedClaim] += 1
      return
    }
    learn(keepalive, from: circuit, sender, names: &names, streams: &streams, out: &out, at: now)
    guard call(circuit)?.sender.address == packet.source, let peer = peers.find(packet.source) else { return }
    if sender == .unknown, peers[peer].name == keepalive.name { called(peer, at: now) }
    // A name that is not believed is not called back.
    guard names.name(of: packet.source) == keepalive.name else { return }
    converse(keepalive, names: &names, streams: &streams, out: &out, at: now)
  }

  /// Somebody says to be us: true only for who knows the token that we sent through Tor to ourselves.
  private mutating func recognise(
    _ keepalive: Keepalive, on circuit: CircuitIdentifier, _ sender: Sender, names: inout NameTable,
    streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard sender == .unknown, let token = keepalive.value(of: Keepalive.Extension.selfCall),
      let own = peers.find(OverlayNetwork.tor.circuitResponder), peers[own].hasCircuit,
      !peers[own].selfCallToken.isEmpty, peers[own].selfCallToken == token
    else {
      out.counters[.badKeepalive] += 1
      if sender != .selfCall { out.tellOnce(.ownNameClaimed) }
      return
    }
    setSender(.selfCall, of: circuit, names)
    raise(circuit, to: .known, names: &names, streams: &streams, out: &out, at: now)
  }

  private mutating func learn(
    _ keepalive: Keepalive, from circuit: CircuitIdentifier, _ sender: Sender, names: inout NameTable,
    streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    let name = keepalive.name
    let outcome = names.learn(name, at: now)
    if sender.name == nil { names.retain(name) }
    switch outcome {
    case .new:
      out.tell(.learned(name))
    case .confirmed:
      break
    case .conflict:
      out.counters[.nameConflict] += 1
      setSender(.refused(name), of: circuit, names)
      streams.rank(circuit, as: .unproven)
      look(at: circuit, when: now + PeerTable.firstPacketTimeout)
      // Which of the two can be reached shows when the other is tried.
      if let held = names.name(of: name.address), names.isUnreached(held) {
        _ = dial(held, names: &names, streams: &streams, out: &out, at: now)
      }
      if strangerLines.take(at: now) { out.tell(.nameConflict) }
      return
    case .undiallable:
      // An old peer, known by its address: nobody can call it back.
      out.counters[.undiallableName] += 1
      names.release(name)
      setSender(.claimed(name.address, nil), of: circuit, names)
      return
    }
    setSender(.claimed(name.address, name), of: circuit, names)
    raise(circuit, to: standing(of: name.address, names), names: &names, streams: &streams, out: &out, at: now)
    names.note(keepalive.capabilities, of: name)
    guard let peer = peers.find(name.address), peers[peer].name == name else { return }
    peers[peer].takesSuperPackets = keepalive.capabilities?.contains(.superPackets) == true
    // A sign of life: worth another try at once.
    peers[peer].showedLife(at: now)
    redial(peer, names: &names, streams: &streams, out: &out, at: now)
  }
}
