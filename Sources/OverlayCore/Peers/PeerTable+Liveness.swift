/// Whether peers are still at the other end of circuits. What was sent and heard goes into a peer's `Liveness`. What
/// that decides is done when the peer is checked, never while a packet is being read.
extension PeerTable {
  /// The time after which a keepalive goes out on a silent circuit to a configured peer.
  static let keepaliveInterval = Duration.seconds(60)

  /// Notes that something goes to a peer, which has nothing to answer yet.
  mutating func awaitAnswer(of peer: PeerSlots.Index, at now: Instant) {
    guard peers[peer].selfCallToken.isEmpty else { return }
    peers[peer].unansweredSince = now
    schedule(peer, at: now + Liveness.patience)
  }

  /// Notes that a packet came over a circuit, so that its sender is there.
  mutating func heard(on circuit: CircuitIdentifier, at now: Instant) {
    guard let source = source(of: circuit), let peer = peers.find(source), peers[peer].hasCircuit else { return }
    if call(circuit) == nil, !peers[peer].answersWhereDialled { answersWhereDialled(peer, at: now) }
    peers[peer].lastHeard = now
    peers[peer].unansweredSince = nil
    if peers[peer].awaitsSignOfLife { schedule(peer, at: now) }
  }

  /// Notes that a peer has called. An open circuit to it may lead to where it was before.
  mutating func called(_ peer: PeerSlots.Index, at now: Instant) {
    guard peers[peer].state == .up else { return }
    peers[peer].liveness.called()
    schedule(peer, at: now)
  }

  /// Returns the time for which a circuit to a configured peer may be silent. If two hosts have each other configured,
  /// one waits a little longer, so that it is asked first and need not ask.
  private func keepaliveInterval(of address: IPv6Address) -> Duration {
    let own = policy.name.address
    let isGreater = (own.high, own.low) > (address.high, address.low)
    return isGreater ? PeerTable.keepaliveInterval + .seconds(5) : PeerTable.keepaliveInterval
  }

  /// Sends a question, which is a keepalive, too, on a circuit to a configured peer that was silent for long.
  mutating func keepAlive(
    _ peer: PeerSlots.Index, on circuit: CircuitIdentifier, names: borrowing NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    guard let name = peers[peer].name else { return }
    let interval = keepaliveInterval(of: name.address)
    if streams[circuit].lastSent + interval <= now {
      if peers[peer].liveness.mayAsk(at: now) {
        ask(peer, on: circuit, names: names, streams: &streams, out: &out, at: now)
        schedule(peer, at: now + Liveness.patience)
      } else {
        keepalive(on: circuit, to: peer, name).withUnsafeBytes {
          send($0, to: peer, on: circuit, streams: &streams, out: &out, at: now)
        }
      }
    }
    schedule(circuit, at: streams[circuit].lastSent + interval)
  }

  /// Does what a peer's liveness asks for now.
  mutating func tendLiveness(
    of peer: PeerSlots.Index, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard let circuit = peers[peer].sparse.open else { return }
    let (unansweredSince, lastHeard) = (peers[peer].unansweredSince, peers[peer].lastHeard)
    switch peers[peer].liveness.step(at: now, unansweredSince: unansweredSince, lastHeard: lastHeard) {
    case .none: break
    case .ask: ask(peer, on: circuit, names: names, streams: &streams, out: &out, at: now)
    case .dialSuccessor: dialSuccessor(of: peer, names: &names, streams: &streams, out: &out, at: now)
    case .replace: return replace(circuit, of: peer, names: &names, streams: &streams, out: &out, at: now)
    }
    if peers[peer].liveness.state == .trusted {
      closeSuccessor(of: peer, names: &names, streams: &streams, out: &out)
    }
    if let due = peers[peer].liveness.due(unansweredSince: peers[peer].unansweredSince) {
      // A step that could not be done now is tried again in a second.
      schedule(peer, at: due > now ? due : now + .seconds(1))
    }
  }

  /// Asks a peer on an open circuit whether it is there.
  private mutating func ask(
    _ peer: PeerSlots.Index, on circuit: CircuitIdentifier, names: borrowing NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    guard let name = peers[peer].name else { return }
    let isOnSuccessor = peers[peer].sparse.successor?.circuit == circuit
    let token = (0..<Liveness.Question.tokenSize).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    let question = Liveness.Question(
      token: token, identifier: UInt16.random(in: .min ... .max, using: &random), time: now,
      isOnSuccessor: isOnSuccessor)
    let asksByEcho = peers[peer].liveness.asksByEcho(speaksExtensions: names.capabilities(of: name) != nil)
    peers[peer].liveness.asked(question)
    if !isOnSuccessor { peers[peer].unansweredSince = nil }
    out.counters[.asked] += 1
    let packet =
      asksByEcho
      ? EchoProbe.request(
        from: policy.name.address, to: name.address, identifier: question.identifier, token: token)
      : keepalive(on: circuit, to: peer, name, saying: [.init(type: Keepalive.Extension.question, value: token)])
    let lastSent = streams[circuit].lastSent
    packet.withUnsafeBytes { send($0, to: peer, on: circuit, streams: &streams, out: &out, at: now) }
    // A question must not keep a circuit that is otherwise idle.
    if !peers[peer].isPermanent { streams.noteSent(on: circuit, at: lastSent) }
  }

  // MARK: - A second circuit beside one that is doubted

  /// Dials a second circuit beside the first, with another user identifier, if there is room.
  private mutating func dialSuccessor(
    of peer: PeerSlots.Index, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard tor != .unreachable, peers[peer].sparse.successor == nil, let name = peers[peer].name,
      peers[peer].pace.nextAttempt(from: now) <= now
    else { return }
    guard hasRoomToDial(isConfigured: names.isKnown(name.address), in: streams) else {
      out.counters[.circuitLimit] += 1
      return
    }
    guard dials.take(isConfigured: true, at: now) else {
      out.counters[.dialLimit] += 1
      return
    }
    makeRoomToDial(names: &names, streams: &streams, out: &out)
    let way = beginCircuit(
      to: name, UserIdentifier(using: &random), timeout: Liveness.replacementInterval,
      streams: &streams, out: &out, at: now)
    set(.successor(peer), of: way.circuit)
    peers[peer].isDoubted(successor: way, at: now)
    out.tell(.doubted(name))
  }

  /// Asks along the second circuit, which was granted now: the answer tells whether it is better.
  mutating func successorGranted(
    _ circuit: CircuitIdentifier, to peer: PeerSlots.Index, names: borrowing NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    peers[peer].liveness.successorStands(at: now)
    ask(peer, on: circuit, names: names, streams: &streams, out: &out, at: now)
    schedule(peer, at: now + Liveness.patience)
  }

  /// Replaces the first circuit by the second, and closes the first.
  private mutating func replace(
    _ circuit: CircuitIdentifier, of peer: PeerSlots.Index, names: inout NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    guard let name = peers[peer].name, let successor = peers[peer].sparse.successor, successor.isOpen,
      var old = takeOut(circuit, names: &names, streams: &streams, out: &out)
    else { return }
    out.counters[.replaced] += 1
    out.perform(.close(circuit))
    takeOver(&old, by: successor, of: peer, names: &names, streams: &streams, out: &out, at: now)
    peers[peer].liveness.replaced(at: now)
    out.tell(.replaced(name))
  }

  /// Makes the successor the first circuit, with the packets of the old one. It may still be being built. The circuits
  /// for bulk are closed, because nobody knows whether they are better than the old one.
  mutating func takeOver(
    _ old: inout Circuit, by successor: Lane.Way, of peer: PeerSlots.Index, names: inout NameTable,
    streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    peers[peer].sparse.successor = nil
    peers[peer].isReached(by: successor)
    peers[peer].sparse.user = successor.user
    peers[peer].liveness.trust()
    if peers[peer].unansweredSince != nil { peers[peer].unansweredSince = now }
    set(.lane(peer, Lane.sparse), of: successor.circuit)
    streams.allow(successor.circuit, PeerTable.dialTimeout)
    let circuit = successor.isOpen ? successor.circuit : nil
    if let circuit { join(circuit, Lane.sparse, of: peer, streams: &streams, out: &out, at: now) }
    streams.rescue(&old, to: circuit, waiting: &peers[peer].waiting, out: &out, at: now)
    for index in peers[peer].bulk.indices where peers[peer].bulk[index].current != nil {
      peers[peer].bulk[index].user = UserIdentifier(using: &random)
    }
    closeBulkLanes(of: peer, names: &names, streams: &streams, out: &out, at: now)
    schedule(successor.circuit, at: now)
    if peers[peer].unansweredSince != nil { schedule(peer, at: now + Liveness.patience) }
  }

  /// Handles the end of the second circuit.
  mutating func successorEnded(
    _ circuit: inout Circuit, of peer: PeerSlots.Index, _ end: CircuitEnd, streams: inout Streams, out: inout Outbox,
    at now: Instant
  ) {
    noteEnd(of: circuit, end, out: &out)
    peers[peer].sparse.successor = nil
    peers[peer].liveness.successorEnded()
    if end == .torUnreachable { torLost(out: &out, at: now) }
    // Only questions waited on it.
    streams.discard(&circuit)
    guard peers[peer].hasCircuit, let name = peers[peer].name else { return }
    schedule(peer, at: now)
    out.tell(.noReplacement(name, end))
  }

  /// Closes the second circuit, which is needed no more.
  mutating func closeSuccessor(
    of peer: PeerSlots.Index, names: inout NameTable, streams: inout Streams, out: inout Outbox
  ) {
    guard let successor = peers[peer].sparse.successor else { return }
    peers[peer].sparse.successor = nil
    close(successor.circuit, names: &names, streams: &streams, out: &out)
  }
}
