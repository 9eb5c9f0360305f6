/// A second circuit to a peer beside one that is doubted: it stands before the first is closed, and takes over what waits.
extension Node {
  /// Whether the circuit is a second one, to take the place of another.
  func isSuccessor(_ circuit: CircuitIdentifier) -> Bool {
    guard circuits[circuit].lane == FlowTable.sparseLane, let name = circuits[circuit].dialledPeer else { return false }
    return peers[name]?.successor?.circuit == circuit
  }

  /// Dials a second circuit beside `sparse`, by a way of its own, if there is room for it.
  mutating func dialSuccessor(of sparse: CircuitIdentifier, to name: OnionName, at now: Instant) {
    guard tor != .unreachable, peers[name]?.successor == nil,
      let pace = peers[name]?.pace, pace.nextAttempt(from: now) <= now
    else { return }
    guard hasRoomToDial(isConfigured: peers[name]?.isPermanent == true) else {
      counters[.circuitLimit] += 1
      return
    }
    guard dialTurns.take(isConfigured: true, at: now) else {
      counters[.dialLimit] += 1
      return
    }
    makeRoomToDial()
    let circuit = beginCircuit(to: name, timeout: Liveness.replacementInterval, at: now)
    circuits[circuit].bulk = Array(repeating: nil, count: settings.circuitsPerPeer - 1)
    let userIdentifier = makeUserIdentifier()
    peers[name]?.successor = Peer.Successor(circuit: circuit, userIdentifier: userIdentifier)
    peers[name]?.pace.attempted(at: now)
    peers[name]?.liveness.dialsSuccessor(at: now)
    tell(.doubted(name))
  }

  /// The second circuit stands: what is asked along it tells whether it is better.
  mutating func successorGranted(_ circuit: CircuitIdentifier, to name: OnionName, at now: Instant) {
    peers[name]?.liveness.successorStands(at: now)
    ask(name, on: circuit, at: now)
    guard let sparse = peers[name]?.link.circuit else { return }
    circuits[sparse].awaitsSignOfLife = true
    lookAtLiveness(of: sparse, when: now + Liveness.patience)
  }

  /// The second circuit takes the place of the first, which is closed.
  mutating func replace(_ sparse: CircuitIdentifier, of name: OnionName, at now: Instant) {
    guard let successor = peers[name]?.successor, circuits[successor.circuit].isOpen, var old = takeOut(sparse)
    else { return }
    counters[.replaced] += 1
    perform(.close(sparse))
    inherit(&old, sparse, to: name, at: now)
    peers[name]?.liveness.replaced(at: now)
    tell(.replaced(name))
  }

  /// What a first circuit that is gone leaves goes to the second one, which may still be being built. Those for bulk, of which
  /// nobody knows that they are any better, go with the first.
  mutating func inherit(
    _ old: inout Circuit, _ identifier: CircuitIdentifier, to name: OnionName, at now: Instant
  ) {
    guard var peer = peers[name], let successor = peer.successor else { return }
    let circuit = successor.circuit
    let isOpen = circuits[circuit].isOpen
    peer.successor = nil
    peer.link = isOpen ? .open(circuit) : .dialling(circuit)
    peer.userIdentifier = successor.userIdentifier
    peer.liveness.trust()
    peers[name] = peer
    // Another name of the same address may have taken its place.
    if dialled[destination(of: peer)] == identifier { dialled[destination(of: peer)] = circuit }
    circuits[circuit].lastHeard = old.lastHeard
    circuits[circuit].unansweredSince = old.unansweredSince == nil ? nil : now
    swap(&circuits[circuit].flows, &old.flows)
    var waiting = PacketQueue()
    swap(&waiting, &circuits[circuit].waiting)
    if isOpen { moveQueue(&old.queue, to: circuit, at: now) } else { keepQueue(&old.queue, in: &waiting) }
    for (index, lane) in peer.bulk.enumerated() {
      circuits[circuit].flows.clear(index + 1)
      guard let bulk = lane.circuit, var gone = takeOut(bulk) else { continue }
      perform(.close(bulk))
      peers[name]?.bulk[index].circuit = nil
      let userIdentifier = makeUserIdentifier()
      peers[name]?.bulk[index].userIdentifier = userIdentifier
      if isOpen { moveQueue(&gone.queue, to: circuit, at: now) } else { keepQueue(&gone.queue, in: &waiting) }
    }
    swap(&waiting, &circuits[circuit].waiting)
    lookAgain(at: circuit, when: now)
    if circuits[circuit].unansweredSince != nil { lookAtLiveness(of: circuit, when: now + Liveness.patience) }
  }

  /// The second circuit is gone; the first is no worse than before.
  mutating func successorEnded(_ circuit: inout Circuit, to name: OnionName, _ end: CircuitEnd, at now: Instant) {
    if !circuit.isOpen { counters[.dialFailed] += 1 }
    peers[name]?.successor = nil
    peers[name]?.liveness.successorEnded()
    if end == .torUnreachable { torLost(at: now) }
    // Nothing but questions waited on it.
    while let slot = circuit.queue.popAny(store: &store) { store.takeBack(slot) }
    guard let sparse = peers[name]?.link.circuit else { return }
    circuits[sparse].awaitsSignOfLife = false
    lookAtLiveness(of: sparse, when: now)
    tell(.noReplacement(name, end))
  }

  /// The second circuit is needed no more.
  mutating func closeSuccessor(of name: OnionName) {
    guard let circuit = peers[name]?.successor?.circuit, var gone = takeOut(circuit) else { return }
    perform(.close(circuit))
    peers[name]?.successor = nil
    while let slot = gone.queue.popAny(store: &store) { store.takeBack(slot) }
    if let sparse = peers[name]?.link.circuit { circuits[sparse].awaitsSignOfLife = false }
  }
}
