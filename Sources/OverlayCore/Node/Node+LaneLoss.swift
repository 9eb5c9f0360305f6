/// What becomes of a peer's other circuits, and of the packets that waited, when one is gone.
extension Node {
  /// A circuit for bulk is gone: its flows go on with the sparse ones.
  mutating func bulkLaneEnded(_ circuit: inout Circuit, to name: OnionName, _ end: CircuitEnd, at now: Instant) {
    if !circuit.isOpen { counters[.dialFailed] += 1 }
    vacate(circuit.lane, of: name, after: circuit, end, at: now)
    guard let sparse = peers[name]?.link.circuit else { return giveBack(&circuit) }
    circuits[sparse].bulk[circuit.lane - 1] = nil
    circuits[sparse].flows.clear(circuit.lane)
    moveQueue(&circuit.queue, to: sparse, at: now)
    lookForLane(of: sparse)
  }

  /// The circuit for bulk that can take the place of a sparse one: the one with the least to send.
  func heir(of sparse: borrowing Circuit) -> CircuitIdentifier? {
    var best: CircuitIdentifier?
    for case let circuit? in sparse.bulk {
      if best.map({ circuits[circuit].queue.totalBytes < circuits[$0].queue.totalBytes }) ?? true { best = circuit }
    }
    return best
  }

  /// The sparse circuit is gone, and one for bulk takes its place: with all flows, and with what waited.
  mutating func promote(
    _ heir: CircuitIdentifier, inPlaceOf circuit: inout Circuit, _ identifier: CircuitIdentifier, to name: OnionName,
    _ end: CircuitEnd, at now: Instant
  ) {
    guard var peer = peers[name] else { return giveBack(&circuit) }
    let lane = circuits[heir].lane
    circuits[heir].lane = FlowTable.sparseLane
    swap(&circuits[heir].bulk, &circuit.bulk)
    swap(&circuits[heir].flows, &circuit.flows)
    circuits[heir].bulk[lane - 1] = nil
    circuits[heir].flows.clear(lane)
    circuits[heir].lastHeard = circuit.lastHeard
    circuits[heir].awaitsSignOfLife = circuit.awaitsSignOfLife
    circuits[heir].unansweredSince = circuit.unansweredSince == nil ? nil : now
    peer.link = .open(heir)
    // The next circuit for bulk must not be joined to this one, nor to that which was lost.
    peer.userIdentifier = peer.bulk[lane - 1].userIdentifier
    peer.bulk[lane - 1].userIdentifier = makeUserIdentifier()
    peers[name] = peer
    // Another name of the same address may have taken its place.
    if dialled[destination(of: peer)] == identifier { dialled[destination(of: peer)] = heir }
    vacate(lane, of: name, after: circuit, end, at: now)
    // What went along the lost one does not arrive.
    endMoves(to: heir)
    moveQueue(&circuit.queue, to: heir, at: now)
    lookAgain(at: heir, when: now)
    lookAtLiveness(of: heir, when: now)
    tell(.promoted(name, circuit: lane, after: end))
  }

  /// The sparse circuit is gone and none takes its place: those for bulk go with it, and what waits on them waits for the
  /// next one, too.
  mutating func closeBulkLanes(of name: OnionName, keeping waiting: inout PacketQueue) {
    guard let lanes = peers[name]?.bulk else { return }
    for (index, lane) in lanes.enumerated() {
      guard let identifier = lane.circuit, var bulk = takeOut(identifier) else { continue }
      peers[name]?.bulk[index].circuit = nil
      perform(.close(identifier))
      keepQueue(&bulk.queue, in: &waiting)
    }
  }

  /// Lets what waits to be sent on a circuit that is gone wait for the next one to be built.
  mutating func keepQueue(_ queue: inout FlowQueue, in waiting: inout PacketQueue) {
    if queue.isWithinPacket { counters[.lostWithCircuit] += 1 }
    while let slot = queue.popAny(store: &store) {
      counters[.queueFull] += UInt64(waiting.append(slot, store: &store))
    }
  }

  /// Drops all that waits on a circuit that is gone, and for it.
  mutating func giveBack(_ circuit: inout Circuit) {
    while let slot = circuit.queue.popAny(store: &store) ?? circuit.waiting.popFirst(store) {
      counters[.lostWithCircuit] += 1
      store.takeBack(slot)
    }
  }

  /// Lets what waits to be sent on a circuit that is gone wait on the sparse one, which is open.
  mutating func moveQueue(_ queue: inout FlowQueue, to sparse: CircuitIdentifier, at now: Instant) {
    if queue.isWithinPacket { counters[.lostWithCircuit] += 1 }
    while let slot = queue.popAny(store: &store) {
      put(slot, flow: PacketView(reading: store[slot].bytes)?.flow ?? 0, on: sparse, at: now)
      circuits[sparse].lastSent = now
    }
  }

  /// Makes the place of a circuit for bulk free, and lets the next one wait if the one that is gone failed early.
  private mutating func vacate(
    _ lane: Int, of name: OnionName, after circuit: borrowing Circuit, _ end: CircuitEnd, at now: Instant
  ) {
    guard var peer = peers[name] else { return }
    peer.bulk[lane - 1].circuit = nil
    switch end {
    case .unneeded: break
    case .torUnreachable: torLost(at: now)
    case .failure where circuit.isOpen && now - circuit.began >= Node.shortLife: peer.bulkPace.forgive()
    case .failure:
      peer.bulk[lane - 1].userIdentifier = makeUserIdentifier()
      // Circuits that were dialled together and fail together are one failure.
      if peer.bulkPace.nextAttempt(from: now) <= now {
        peer.bulkPace.attempted(at: now)
        peer.bulkPace.failed(at: now, jitter: Double.random(in: 0..<1, using: &random))
      }
    }
    peers[name] = peer
  }
}
