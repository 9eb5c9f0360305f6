/// Whether peers still are where circuits lead. What was sent and heard goes into a peer's `Liveness`, and what that decides
/// is done here, when the peer is looked at, never while a packet is being read.
extension PeerTable {
  /// How long a configured peer's circuit may be silent before a keepalive goes out.
  static let keepaliveInterval = Duration.seconds(60)

  /// Something goes to a peer from which nothing is awaited yet.
  mutating func awaitAnswer(of peer: PeerSlots.Index, at now: Instant) {
    guard peers[peer].selfCallToken.isEmpty else { return }
    peers[peer].unansweredSince = now
    look(at: peer, when: now + Liveness.patience)
  }

  /// A packet came over a circuit: its sender is there.
  mutating func heard(on circuit: CircuitIdentifier, at now: Instant) {
    guard let source = source(of: circuit), let peer = peers.find(source), peers[peer].hasCircuit else { return }
    peers[peer].lastHeard = now
    peers[peer].unansweredSince = nil
    if peers[peer].awaitsSignOfLife { look(at: peer, when: now) }
  }

  /// A peer has called: a circuit to it that stands may lead to where it was before.
  mutating func called(_ peer: PeerSlots.Index, at now: Instant) {
    guard peers[peer].state == .up else { return }
    peers[peer].liveness.called()
    look(at: peer, when: now)
  }

  /// Takes an answer of the peer with this address, which came over a circuit of its; false if it answers nothing that the
  /// peer was asked.
  mutating func takeAnswer(
    _ reply: EchoProbe.Reply, from address: IPv6Address, out: inout Outbox, at now: Instant
  ) -> Bool {
    guard let peer = peers.find(address) else { return false }
    return answered(by: peer, reply.token, identifier: reply.identifier, out: &out, at: now)
  }

  /// Reads what a keepalive on an accepted circuit says beside a name and capabilities.
  mutating func converse(
    _ keepalive: Keepalive, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    let name = keepalive.name
    if let token = keepalive.value(of: Keepalive.Extension.answer), let peer = peers.find(name.address) {
      _ = answered(by: peer, token, out: &out, at: now)
    }
    guard let token = keepalive.value(of: Keepalive.Extension.question), token.count == Liveness.Question.tokenSize,
      let peer = way(to: name.address, names: &names, streams: &streams, out: &out, at: now),
      peers[peer].name == name, let circuit = peers[peer].sparse.current?.circuit
    else { return }
    guard peers[peer].liveness.takeAnswer(at: now) else {
      out.counters[.answerLimited] += 1
      return
    }
    let answer = Keepalive.Extension(type: Keepalive.Extension.answer, value: token)
    self.keepalive(on: circuit, to: peer, name, saying: [answer]).withUnsafeBytes {
      send($0, to: peer, streams: &streams, out: &out, at: now)
    }
  }

  private mutating func answered(
    by peer: PeerSlots.Index, _ token: some Collection<UInt8>, identifier: UInt16? = nil, out: inout Outbox,
    at now: Instant
  ) -> Bool {
    guard peers[peer].liveness.answered(token, identifier: identifier, at: now) != nil else { return false }
    out.counters[.answered] += 1
    if peers[peer].hasCircuit { look(at: peer, when: now) }
    return true
  }

  /// How long a circuit to a configured peer may be silent. Of two peers that keep each other one waits a little longer, so
  /// that it is asked, and its own question is not needed.
  private func keepaliveInterval(of address: IPv6Address) -> Duration {
    let own = policy.name.address
    let isGreater = (own.high, own.low) > (address.high, address.low)
    return isGreater ? PeerTable.keepaliveInterval + .seconds(5) : PeerTable.keepaliveInterval
  }

  /// Sends something on a circuit to a configured peer that was silent for long: a question, which is a keepalive, too.
  mutating func keepAlive(
    _ peer: PeerSlots.Index, on circuit: CircuitIdentifier, names: borrowing NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    guard let name = peers[peer].name else { return }
    let interval = keepaliveInterval(of: name.address)
    if streams[circuit].lastSent + interval <= now {
      if peers[peer].liveness.mayAsk(at: now) {
        ask(peer, on: circuit, names: names, streams: &streams, out: &out, at: now)
        look(at: peer, when: now + Liveness.patience)
      } else {
        keepalive(on: circuit, to: peer, name).withUnsafeBytes {
          send($0, to: peer, on: circuit, streams: &streams, out: &out, at: now)
        }
      }
    }
    look(at: circuit, when: streams[circuit].lastSent + interval)
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
      // What cannot be done now can be in a second, perhaps.
      look(at: peer, when: due > now ? due : now + .seconds(1))
    }
  }

  /// Asks a peer whether it is there, on a circuit to it that is open.
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
    // It is not what the circuit is kept for.
    if !peers[peer].isPermanent { streams.noteSent(on: circuit, at: lastSent) }
  }

  // MARK: - A second circuit beside one that is doubted

  /// Dials a second circuit beside the first, by a way of its own, if there is room for it.
  private mutating func dialSuccessor(
    of peer: PeerSlots.Index, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard tor != .unreachable, peers[peer].sparse.successor == nil, let name = peers[peer].name,
      peers[peer].pace.nextAttempt(from: now) <= now
    else { return }
    guard hasRoomToDial(isConfigured: peers[peer].isPermanent, in: streams) else {
      out.counters[.circuitLimit] += 1
      return
    }
    guard dials.take(isConfigured: true, at: now) else {
      out.counters[.dialLimit] += 1
      return
    }
    makeRoomToDial(names: &names, streams: &streams, out: &out)
    let way = beginCircuit(
      to: name, UserIdentifier(using: &random), for: .sparse, timeout: Liveness.replacementInterval,
      streams: &streams, out: &out, at: now)
    set(.successor(peer), of: way.circuit)
    peers[peer].isDoubted(successor: way, at: now)
    out.tell(.doubted(name))
  }

  /// The second circuit stands: what is asked along it tells whether it is better.
  mutating func successorGranted(
    _ circuit: CircuitIdentifier, to peer: PeerSlots.Index, names: borrowing NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    peers[peer].liveness.successorStands(at: now)
    ask(peer, on: circuit, names: names, streams: &streams, out: &out, at: now)
    look(at: peer, when: now + Liveness.patience)
  }

  /// The second circuit takes the place of the first, which is closed.
  private mutating func replace(
    _ circuit: CircuitIdentifier, of peer: PeerSlots.Index, names: inout NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    guard let name = peers[peer].name, let successor = peers[peer].sparse.successor, successor.isOpen,
      var old = takeOut(circuit, names: &names, streams: &streams)
    else { return }
    out.counters[.replaced] += 1
    out.perform(.close(circuit))
    takeOver(&old, by: successor, of: peer, names: &names, streams: &streams, out: &out, at: now)
    peers[peer].liveness.replaced(at: now)
    out.tell(.replaced(name))
  }

  /// What a first circuit that is gone leaves goes to the second one, which may still be being built. Those for bulk, of which
  /// nobody knows that they are any better, go with the first.
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
    let circuit = successor.isOpen ? successor.circuit : nil
    streams.rescue(&old.queue, to: circuit, waiting: &peers[peer].waiting, out: &out, at: now)
    for index in peers[peer].bulk.indices where peers[peer].bulk[index].current != nil {
      peers[peer].bulk[index].user = UserIdentifier(using: &random)
    }
    closeBulkLanes(of: peer, to: circuit, names: &names, streams: &streams, out: &out, at: now)
    look(at: successor.circuit, when: now)
    if peers[peer].unansweredSince != nil { look(at: peer, when: now + Liveness.patience) }
  }

  /// The second circuit is gone; the first is no worse than before.
  mutating func successorEnded(
    _ circuit: inout Circuit, of peer: PeerSlots.Index, _ end: CircuitEnd, streams: inout Streams, out: inout Outbox,
    at now: Instant
  ) {
    if !circuit.isOpen { out.counters[.dialFailed] += 1 }
    peers[peer].sparse.successor = nil
    peers[peer].liveness.successorEnded()
    if end == .torUnreachable { torLost(out: &out, at: now) }
    // Nothing but questions waited on it.
    streams.discard(&circuit.queue)
    guard peers[peer].hasCircuit, let name = peers[peer].name else { return }
    look(at: peer, when: now)
    out.tell(.noReplacement(name, end))
  }

  /// The second circuit is needed no more.
  mutating func closeSuccessor(
    of peer: PeerSlots.Index, names: inout NameTable, streams: inout Streams, out: inout Outbox
  ) {
    guard let successor = peers[peer].sparse.successor else { return }
    peers[peer].sparse.successor = nil
    close(successor.circuit, names: &names, streams: &streams, out: &out)
  }
}
