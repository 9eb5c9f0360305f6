/// What happens to a peer, to its other circuits and to the packets that wait when a circuit is gone.
extension PeerTable {
  /// Removes a circuit that is gone. It returns the packets that are lost with it, about which their senders have to be
  /// told.
  mutating func ended(
    _ circuit: CircuitIdentifier, _ end: CircuitEnd, names: inout NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) -> PacketQueue {
    switch use(of: circuit) {
    case .question: questionEnded(circuit, out: &out, at: now)
    case .lookUp(let address, let index):
      lookUpEnded(circuit, of: address, index: index, end, out: &out, at: now)
    case .ownLookUp: ownLookUpEnded(end, out: &out, at: now)
    case .lane, .successor, .call, nil: break
    }
    guard let use = use(of: circuit), var gone = takeOut(circuit, names: &names, streams: &streams, out: &out) else {
      return PacketQueue()
    }
    switch use {
    case .call:
      out.figures.noteLost(end, wasAccepted: true)
      out.tell(.callEnded(end))
    case .question, .lookUp, .ownLookUp:
      break
    case .successor(let peer):
      successorEnded(&gone, of: peer, end, streams: &streams, out: &out, at: now)
    case .lane(let peer, let lane) where lane != Lane.sparse:
      bulkLaneEnded(&gone, lane, of: peer, end, streams: &streams, out: &out, at: now)
    case .lane(let peer, _):
      return firstEnded(&gone, of: peer, end, names: &names, streams: &streams, out: &out, at: now)
    }
    return PacketQueue()
  }

  /// Removes a circuit, with everything that is known of it elsewhere, and returns it. The caller gives its packets
  /// back to the store.
  mutating func takeOut(
    _ identifier: CircuitIdentifier, names: inout NameTable, streams: inout Streams, out: inout Outbox
  ) -> Circuit? {
    guard let use = use(of: identifier), let circuit = streams.remove(identifier) else { return nil }
    endClaim(of: identifier, streams: &streams, out: &out)
    set(nil, of: identifier)
    switch use {
    case .lane(let peer, _), .successor(let peer):
      if circuit.isBeingBuilt { dials.ended() }
      peers[peer].traffic.add(circuit.traffic)
    case .question, .lookUp, .ownLookUp: break
    case .call(let call):
      calls.remove(identifier)
      if let tor = call.torCircuit { torCircuits.leave(tor) }
      if let name = call.sender.name { names.release(name) }
      if let peer = caller(call.sender) {
        if peers[peer].isReported, call.sender.isBelieved { peers[peer].traffic.add(circuit.traffic) }
        peers[peer].incoming.removeAll { $0 == identifier }
        peers[peer].responses.forget(identifier)
        forgetIfUnknown(peer)
      }
    }
    return circuit
  }

  /// Closes a circuit, and drops the packets that wait on it.
  mutating func close(
    _ circuit: CircuitIdentifier, names: inout NameTable, streams: inout Streams, out: inout Outbox
  ) {
    out.perform(.close(circuit))
    guard var gone = takeOut(circuit, names: &names, streams: &streams, out: &out) else { return }
    streams.discard(&gone)
  }

  /// Handles the end of the first circuit. Another open circuit replaces it. If there is none, a new one is dialled, or
  /// the senders of the packets that wait are told.
  private mutating func firstEnded(
    _ circuit: inout Circuit, of peer: PeerSlots.Index, _ end: CircuitEnd, names: inout NameTable,
    streams: inout Streams, out: inout Outbox, at now: Instant
  ) -> PacketQueue {
    if case .failure = end, circuit.isOpen, peers[peer].isSelf { selfCheckLost(out: &out, at: now) }
    if end != .unneeded {
      let successor = peers[peer].sparse.successor
      if successor?.isOpen != true, let lane = laneToPromote(of: peer) {
        promote(lane, of: peer, inPlaceOf: &circuit, end, streams: &streams, out: &out, at: now)
        return PacketQueue()
      }
      if let successor, successor.isOpen || end != .torUnreachable {
        takeOver(&circuit, by: successor, of: peer, names: &names, streams: &streams, out: &out, at: now)
        return PacketQueue()
      }
    }
    closeSuccessor(of: peer, names: &names, streams: &streams, out: &out)
    leave(peer)
    note(end, ofFirst: circuit, of: peer, names: &names, streams: &streams, out: &out, at: now)
    if let bulk = peers[peer].bulkQueue, circuit.isOpen {
      streams.giveBack(&circuit, to: bulk, out: &out)
    } else {
      streams.rescue(&circuit, to: nil, waiting: &peers[peer].waiting, out: &out, at: now)
    }
    closeBulkLanes(of: peer, names: &names, streams: &streams, out: &out, at: now)
    let hasBulk = peers[peer].bulkQueue.map { streams.holdsAny(inBulk: $0) } ?? false
    var isWanted = false
    if case .failure = end { isWanted = circuit.isOpen && (hasBulk || peers[peer].waiting.count > 0) }
    if isWanted, let name = peers[peer].name,
      dial(name, names: &names, streams: &streams, out: &out, at: now) != nil
    {
      // What waited waits in the bulk queue for the new circuit.
      return PacketQueue()
    }
    if let bulk = peers[peer].bulkQueue {
      streams.removeBulk(bulk, waiting: &peers[peer].waiting, out: &out)
      peers[peer].bulkQueue = nil
    }
    if !circuit.isOpen, let name = peers[peer].name,
      doubt(name, of: peer, after: end, names: &names, streams: &streams, out: &out, at: now)
    {
      return PacketQueue()
    }
    var lost = PacketQueue()
    swap(&lost, &peers[peer].waiting)
    redial(peer, names: &names, streams: &streams, out: &out, at: now)
    return lost
  }

  /// Notes the reason why there is no first circuit any more, and when the peer may be dialled again.
  private mutating func note(
    _ end: CircuitEnd, ofFirst circuit: borrowing Circuit, of peer: PeerSlots.Index, names: inout NameTable,
    streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    let wasOpen = circuit.isOpen
    let isLongLived = now - circuit.began >= PeerTable.shortLife
    if wasOpen { out.figures.noteLost(end, wasAccepted: false) } else { out.counters[.dialFailed] += 1 }
    let jitter = Double.random(in: 0..<1, using: &random)
    switch end {
    case .torUnreachable:
      if !wasOpen { out.figures.noteFailedDial(end) }
      return torLost(out: &out, at: now)
    case .unneeded:
      if wasOpen, isLongLived { peers[peer].forgive() }
      return
    case .failure, .notBuilt: break
    }
    if wasOpen {
      if isLongLived { peers[peer].forgive() } else { peers[peer].wasLostSoon(at: now, jitter: jitter) }
    } else {
      if let name = peers[peer].name { names.failed(name) }
      peers[peer].wasNotReached(at: now, jitter: jitter)
    }
    let user = peers[peer].sparse.user
    peers[peer].sparse.user = UserIdentifier(using: &random)
    guard !wasOpen else {
      let reason = NodeEvent.Disconnection.lost(end.description)
      peers[peer].isBackedOff(for: reason, at: now)
      if let change = change(of: peer, to: .lost(nil)) { out.tell(.disconnected(change, reason)) }
      return
    }
    let failure = end.dialFailure
    let reason = NodeEvent.Disconnection.notReached(failure, nextTry(of: peer, at: now))
    peers[peer].isBackedOff(for: reason, at: now)
    if failure.isUnexplained,
      askWhy(peer, user: user, names: &names, streams: &streams, out: &out, at: now)
    {
      // Its answer is counted.
      return
    }
    out.figures.noteFailedDial(failure)
    if peers[peer].isSelf { selfCheckFailed(failure, out: &out, at: now) }
    if let change = change(of: peer, to: .lost(failure)) { out.tell(.disconnected(change, reason)) }
  }

  /// Counts the end of a circuit that is not the first.
  func noteEnd(of circuit: borrowing Circuit, _ end: CircuitEnd, out: inout Outbox) {
    if circuit.isOpen { return out.figures.noteLost(end, wasAccepted: false) }
    out.counters[.dialFailed] += 1
    out.figures.noteFailedDial(end)
  }

  // MARK: - Lanes for bulk

  /// Handles the end of a circuit for bulk. What it had not sent waits for the others.
  private mutating func bulkLaneEnded(
    _ circuit: inout Circuit, _ lane: Int, of peer: PeerSlots.Index, _ end: CircuitEnd, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    noteEnd(of: circuit, end, out: &out)
    vacate(lane, of: peer, after: circuit, end, out: &out, at: now)
    if let bulk = peers[peer].bulkQueue { streams.giveBack(&circuit, to: bulk, out: &out) }
    peers[peer].nextLaneLook = now
  }

  /// Returns the lane for bulk whose circuit can replace the first; `nil` if none is open.
  private func laneToPromote(of peer: PeerSlots.Index) -> Int? {
    peers[peer].bulk.lastIndex { $0.open != nil }.map { $0 + 1 }
  }

  /// Promotes a circuit for bulk to the first circuit, because that is gone.
  private mutating func promote(
    _ lane: Int, of peer: PeerSlots.Index, inPlaceOf circuit: inout Circuit, _ end: CircuitEnd,
    streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard let name = peers[peer].name, let way = peers[peer].bulk[lane - 1].current else { return }
    peers[peer].isReached(by: way)
    if peers[peer].unansweredSince != nil { peers[peer].unansweredSince = now }
    // The next circuit for bulk must be joined neither to this one nor to the one that was lost.
    peers[peer].sparse.user = way.user
    peers[peer].bulk[lane - 1].user = UserIdentifier(using: &random)
    vacate(lane, of: peer, after: circuit, end, out: &out, at: now)
    set(.lane(peer, Lane.sparse), of: way.circuit)
    join(way.circuit, Lane.sparse, of: peer, streams: &streams, out: &out, at: now)
    streams.rescue(&circuit, to: way.circuit, waiting: &peers[peer].waiting, out: &out, at: now)
    schedule(way.circuit, at: now)
    schedule(peer, at: now)
    out.tell(.promoted(name, circuit: lane, after: end))
  }

  /// Closes the circuits for bulk from number `first` + 1 on. What they had not sent waits for those that are left.
  mutating func closeBulkLanes(
    of peer: PeerSlots.Index, from first: Int = 0, names: inout NameTable, streams: inout Streams, out: inout Outbox,
    at now: Instant
  ) {
    for index in peers[peer].bulk.indices.dropFirst(first) {
      guard let circuit = peers[peer].bulk[index].current?.circuit else { continue }
      peers[peer].bulk[index].current = nil
      out.perform(.close(circuit))
      guard var gone = takeOut(circuit, names: &names, streams: &streams, out: &out) else { continue }
      if let bulk = peers[peer].bulkQueue {
        streams.giveBack(&gone, to: bulk, out: &out)
      } else {
        streams.discard(&gone)
      }
    }
  }

  /// Empties a lane for bulk. If its circuit failed early, the next one has to wait.
  private mutating func vacate(
    _ lane: Int, of peer: PeerSlots.Index, after circuit: borrowing Circuit, _ end: CircuitEnd, out: inout Outbox,
    at now: Instant
  ) {
    peers[peer].bulk[lane - 1].current = nil
    switch end {
    case .unneeded: break
    case .torUnreachable: torLost(out: &out, at: now)
    case .failure where circuit.isOpen && now - circuit.began >= PeerTable.shortLife: peers[peer].bulkPace.forgive()
    case .failure, .notBuilt:
      peers[peer].bulk[lane - 1].user = UserIdentifier(using: &random)
      // Circuits that were dialled together and fail together are one failure.
      if peers[peer].bulkPace.nextAttempt(from: now) <= now {
        peers[peer].bulkPace.attempted(at: now)
        peers[peer].bulkPace.failed(at: now, jitter: Double.random(in: 0..<1, using: &random))
      }
    }
  }
}
