/// Calls are the circuits that others dial to this host: who the caller is, which packets are admitted, and which
/// circuit makes room when there are too many.
extension PeerTable {
  /// The time in which an accepted circuit has to bring a packet, or to tell its sender.
  static let firstPacketTimeout = Duration.seconds(30)
  /// The time by which an accepted circuit may be idle for longer than a dialled one, because whoever dialled a circuit
  /// decides when it ends.
  private static let acceptedGrace = Duration.seconds(30)

  // MARK: - Places

  /// Returns the greatest number of accepted circuits: three quarters of all circuits less the dialled ones, but at
  /// least a quarter, and at most as many as the operator permits.
  private func callLimit(in streams: borrowing Streams) -> Int {
    let (limit, dialled) = (policy.bounds.circuits, streams.count - calls.count)
    return min(policy.bounds.accepted, max(limit / 4, limit - limit / 4 - dialled))
  }

  /// Returns whether a circuit may be dialled, perhaps after `makeRoomToDial`. Three quarters of all circuits are for
  /// dialled ones, and an eighth of them is reserved for peers that the operator named, for which a call of somebody
  /// else makes room.
  func hasRoomToDial(isConfigured: Bool, in streams: borrowing Streams) -> Bool {
    let limit = policy.bounds.circuits
    let reserve = isConfigured ? 0 : limit / 8
    guard streams.count - calls.count < limit - limit / 4 - reserve else { return false }
    return streams.count < limit - reserve || isConfigured && calls.holdsUnknown
  }

  /// Closes an accepted circuit if there is no room for one that is dialled now.
  mutating func makeRoomToDial(names: inout NameTable, streams: inout Streams, out: inout Outbox) {
    guard streams.count >= policy.bounds.circuits,
      let other = calls.leastWanted(using: &random, in: streams.circuits)
    else { return }
    crowdOut(other, names: &names, streams: &streams, out: &out)
  }

  /// Accepts a call of this host's onion service, which came at `time`: it may have waited until the identity was known
  /// that it is for. It returns `nil` if the call has to be refused.
  mutating func accepted(
    since time: Instant, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) -> CircuitIdentifier? {
    guard calls.takeTurn(at: now) else {
      out.counters[.acceptLimit] += 1
      out.tellOnce(.acceptLimit)
      return nil
    }
    let isFull = streams.count >= policy.bounds.circuits || calls.count >= callLimit(in: streams)
    if isFull || calls.isFullOfUnproven {
      guard let other = calls.newcomerPlace(isFull: isFull, at: now, using: &random, in: streams.circuits) else {
        out.counters[.circuitLimit] += 1
        return nil
      }
      crowdOut(other, names: &names, streams: &streams, out: &out)
    }
    out.counters[.accepted] += 1
    let circuit = streams.accept(isAnnounced: policy.isToldTorCircuits, at: time)
    calls.insert(circuit)
    set(.call(Call()), of: circuit)
    schedule(circuit, at: time + PeerTable.firstPacketTimeout)
    return circuit
  }

  /// Notes that an accepted circuit came through this one of Tor's. It returns whether it may go on.
  mutating func came(through line: TorCircuitLine, _ circuit: CircuitIdentifier, at now: Instant) -> Bool {
    guard var call = call(circuit), call.torCircuit == nil, torCircuits.enter(line.circuit, at: now) else {
      // Or one caller with one circuit would take all places that others have in this second.
      calls.giveTurnBack()
      return false
    }
    call.torCircuit = line.circuit
    set(.call(call), of: circuit)
    return true
  }

  /// Returns the standing of a circuit that claims to be of this address, or was dialled to it, before it has brought a
  /// packet.
  func standing(of address: IPv6Address, _ names: borrowing NameTable) -> Standing {
    names.isKnown(address) ? .known : .unproven
  }

  /// Notes that a circuit has brought a packet that was admitted.
  mutating func noteDelivery(
    on circuit: CircuitIdentifier, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard streams[circuit].standing == .unproven, let source = claimant(of: circuit) else { return }
    let standing: Standing = names.isKnown(source) ? .known : .stranger
    raise(circuit, to: standing, names: &names, streams: &streams, out: &out, at: now)
  }

  /// Tries again to establish a circuit that was read, if its standing entitles it to be and there was no place.
  mutating func noteRead(
    of circuit: CircuitIdentifier, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard let call = call(circuit), call.isWithoutPlace else { return }
    findPlace(for: circuit, names: &names, streams: &streams, out: &out, at: now)
  }

  /// Raises the standing of a circuit, which entitles it to be established.
  mutating func raise(
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
    let others = call.sender.claimedAddress.flatMap { peers.find($0) }.map { peers[$0].incoming } ?? []
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

  /// Returns the time at which an accepted circuit is closed unless a packet comes. Bytes that tell nothing do not keep
  /// it.
  func end(of call: Call, _ circuit: borrowing Circuit) -> Instant {
    guard isUsable(call, circuit) else { return circuit.began + PeerTable.firstPacketTimeout }
    return circuit.lastReceived + max(policy.idle, PeerTable.keepaliveInterval) + PeerTable.acceptedGrace
  }

  /// Returns whether an accepted circuit has told whose it is, or has brought a packet that was admitted.
  func isUsable(_ call: Call, _ circuit: borrowing Circuit) -> Bool {
    switch call.sender {
    case .selfCall, .claimed(_, .some), .admitted(_, .some, _): true
    case .refused: false
    case .unknown, .claimed(_, .none), .admitted(_, .none, _): circuit.standing != .unproven
    }
  }

  // MARK: - Who calls

  /// Returns whether a caller may claim this address: it must not be one of this host, nor blocked.
  private func mayClaim(_ source: IPv6Address) -> Bool {
    OverlayNetwork.tor.isPeer(source, of: policy.name.address) && !policy.siblings.contains(source)
      && !isBlocked(source)
  }

  /// Notes the source address of the first packet of an accepted circuit, which decides its sender.
  mutating func claim(
    _ circuit: CircuitIdentifier, by source: IPv6Address, names: inout NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    guard mayClaim(source) else { return refuseClaim(of: source, by: circuit) }
    setSender(sender(claiming: source, nil, before: .unknown), of: circuit, names)
    beginClaim(of: circuit, at: now)
    prove(circuit, names: &names, streams: &streams, out: &out, at: now)
    if let name = names.name(of: source), let peer = peers.find(source), peers[peer].name == name {
      called(peer, at: now)
    }
  }

  /// Sets the sender of an accepted circuit, and moves the circuit to the peer of that address.
  private mutating func setSender(_ sender: Sender, of circuit: CircuitIdentifier, _ names: borrowing NameTable) {
    guard var call = call(circuit) else { return }
    let before = caller(call.sender)
    call.sender = sender
    set(.call(call), of: circuit)
    if let address = sender.claimedAddress { _ = findOrInsert(address, names.name(of: address)) }
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
    // Tor knows who is at the other end of a circuit that this host dialled, and the keepalive adds nothing.
    guard let sender = call(circuit)?.sender else { return }
    let keepalive: Keepalive
    do {
      keepalive = try Keepalive(packet)
    } catch {
      guard error == .nameless else {
        out.counters[.badKeepalive] += 1
        return
      }
      // The keepalive of an old OnionCat says that it is still there, and no more.
      if sender == .unknown {
        claim(circuit, by: packet.source, names: &names, streams: &streams, out: &out, at: now)
      } else if sender.claimedAddress != packet.source {
        out.counters[.changedClaim] += 1
      }
      return
    }
    if keepalive.name == policy.name {
      return recognise(keepalive, on: circuit, sender, names: &names, streams: &streams, out: &out, at: now)
    }
    guard mayClaim(packet.source) else {
      out.counters[.badKeepalive] += 1
      refuseClaim(of: packet.source, by: circuit)
      return
    }
    let isNameless = sender.claimedAddress == packet.source && sender.name == nil
    guard sender == .unknown || isNameless || sender.name == keepalive.name else {
      out.counters[.changedClaim] += 1
      return
    }
    learn(keepalive, from: circuit, sender, names: &names, streams: &streams, out: &out, at: now)
    guard call(circuit)?.sender.claimedAddress == packet.source, let peer = peers.find(packet.source) else { return }
    if sender == .unknown, peers[peer].name == keepalive.name { called(peer, at: now) }
    // A name that the table does not hold is not called back.
    guard names.name(of: packet.source) == keepalive.name else { return }
    takeProofs(of: keepalive, on: circuit, names: &names, streams: &streams, out: &out, at: now)
    let isBelieved = call(circuit)?.sender.proof != nil
    converse(keepalive, isBelieved: isBelieved, names: &names, streams: &streams, out: &out, at: now)
  }

  /// Handles a keepalive with this host's own name. It is this host if it has the token that this host sent to itself
  /// through Tor.
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
    selfCheckCameBack(out: &out, at: now)
    raise(circuit, to: .known, names: &names, streams: &streams, out: &out, at: now)
  }

  private mutating func learn(
    _ keepalive: Keepalive, from circuit: CircuitIdentifier, _ sender: Sender, names: inout NameTable,
    streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    let name = keepalive.name
    let outcome = names.learn(name, from: .keepalive, by: .host, at: now)
    if sender.name == nil { names.retain(name) }
    switch outcome {
    case .new:
      out.tell(.learned(name))
      nameIsKnown(name, names: &names, streams: &streams, out: &out, at: now)
    case .confirmed:
      break
    case .conflict:
      out.counters[.nameConflict] += 1
      endClaim(of: circuit, streams: &streams, out: &out)
      setSender(.refused(name), of: circuit, names)
      streams.rank(circuit, as: .unproven)
      schedule(circuit, at: now + PeerTable.firstPacketTimeout)
      // A dial to the other name shows which of the two can be reached.
      if let held = names.name(of: name.address), names.isUnreached(held) {
        _ = findOrInsert(held.address, held)
        callBack(held, names: &names, streams: &streams, out: &out, at: now)
      }
      if strangerLines.take(at: now) { out.tell(.nameConflict) }
      return
    case .undiallable:
      // The name of an old peer is a hash that nobody can dial: the peer is known by its address.
      out.counters[.undiallableName] += 1
      names.release(name)
      setSender(self.sender(claiming: name.address, nil, before: sender), of: circuit, names)
      beginClaim(of: circuit, at: now)
      return
    }
    setSender(self.sender(claiming: name.address, name, before: sender), of: circuit, names)
    beginClaim(of: circuit, at: now)
    raise(circuit, to: standing(of: name.address, names), names: &names, streams: &streams, out: &out, at: now)
    // What anybody can claim says nothing of the peer.
    guard let proof = call(circuit)?.sender.proof, proof > .belief || authentication(of: name.address) == .off,
      let peer = peers.find(name.address), peers[peer].name == name
    else { return }
    note(keepalive.capabilities, of: name, peer, &names)
    isThere(peer, names: &names, streams: &streams, out: &out, at: now)
  }
}
