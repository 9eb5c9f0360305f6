extension Node {
  /// How long a circuit for bulk stays without any.
  static let bulkIdle = Duration.seconds(30)

  /// The circuit that a packet to the peer goes out on: the sparse one, unless its flow is bulk and there is another.
  mutating func lane(
    for flow: UInt32, bytes: Int, of sparse: CircuitIdentifier, at now: Instant
  ) -> CircuitIdentifier {
    guard settings.circuitsPerPeer > 1, circuits[sparse].isOpen else { return sparse }
    let flow = circuits[sparse].flows.note(flow, bytes: bytes, at: now)
    if flow.lane != FlowTable.sparseLane, let circuit = circuits[sparse].bulk[flow.lane - 1] { return circuit }
    guard flow.isBulk else { return sparse }
    var best: (lane: Int, circuit: CircuitIdentifier, count: Int)?
    for (index, circuit) in circuits[sparse].bulk.enumerated() {
      guard let circuit else { continue }
      let count = circuits[sparse].flows.count(on: index + 1, at: now)
      if best.map({ count < $0.count }) ?? true { best = (index + 1, circuit, count) }
    }
    // A flow that is pinned stays: until no more circuits are to be had, one waits for a circuit of its own where it is.
    let isShared = best.map { $0.count > 0 } ?? true
    if isShared, hasBulkLaneComing(of: sparse, at: now) { return sparse }
    guard let best else { return sparse }
    circuits[sparse].flows.pin(flow, to: best.lane)
    return best.circuit
  }

  /// A circuit for bulk may be used from now on.
  mutating func bulkLaneGranted(_ circuit: CircuitIdentifier, to name: OnionName) {
    guard let peer = peers[name], let sparse = dialled[destination(of: peer)], circuits.contains(sparse) else { return }
    circuits[sparse].bulk[circuits[circuit].lane - 1] = circuit
  }

  /// A circuit for bulk is gone: its flows go on with the sparse ones.
  mutating func bulkLaneEnded(_ circuit: inout Circuit, to name: OnionName, _ end: CircuitEnd, at now: Instant) {
    if !circuit.isOpen { counters[.dialFailed] += 1 }
    guard let peer = peers[name] else { return }
    peers[name]?.bulk[circuit.lane - 1].circuit = nil
    switch end {
    case .unneeded: break
    case .torUnreachable: torLost(at: now)
    case .failure where circuit.isOpen && now - circuit.began >= Node.shortLife: peers[name]?.bulkPace.forgive()
    case .failure:
      let jitter = Double.random(in: 0..<1, using: &random)
      let userIdentifier = makeUserIdentifier()
      peers[name]?.bulkPace.attempted(at: now)
      peers[name]?.bulkPace.failed(at: now, jitter: jitter)
      peers[name]?.bulk[circuit.lane - 1].userIdentifier = userIdentifier
    }
    let sparse = dialled[destination(of: peer)]
    if let sparse {
      circuits[sparse].bulk[circuit.lane - 1] = nil
      circuits[sparse].flows.clear(circuit.lane)
    }
    if circuit.queue.isWithinPacket { counters[.lostWithCircuit] += 1 }
    while let slot = circuit.queue.popAny(store: &store) {
      if let sparse { append(store[slot].bytes, to: sparse, at: now) } else { counters[.lostWithCircuit] += 1 }
      store.takeBack(slot)
    }
  }

  /// Lets what waits to be sent on a circuit that is gone wait for the next one.
  mutating func moveQueue(of circuit: inout Circuit) {
    if circuit.queue.isWithinPacket { counters[.lostWithCircuit] += 1 }
    while let slot = circuit.queue.popAny(store: &store) {
      counters[.queueFull] += UInt64(circuit.waiting.append(store[slot].bytes))
      store.takeBack(slot)
    }
  }

  /// The sparse circuit is gone: those for bulk go with it, and what waits on them waits with what it had.
  mutating func closeBulkLanes(of name: OnionName, movingTo circuit: inout Circuit) {
    guard let lanes = peers[name]?.bulk else { return }
    for (index, lane) in lanes.enumerated() {
      guard let identifier = lane.circuit, var bulk = takeOut(identifier) else { continue }
      peers[name]?.bulk[index].circuit = nil
      perform(.close(identifier))
      if bulk.queue.isWithinPacket { counters[.lostWithCircuit] += 1 }
      while let slot = bulk.queue.popAny(store: &store) {
        counters[.queueFull] += UInt64(circuit.waiting.append(store[slot].bytes))
        store.takeBack(slot)
      }
    }
  }

  /// Whether another circuit for bulk is being built, or could be begun just now.
  private mutating func hasBulkLaneComing(of sparse: CircuitIdentifier, at now: Instant) -> Bool {
    guard let name = circuits[sparse].dialledPeer, let lanes = peers[name]?.bulk else { return false }
    for (index, lane) in lanes.enumerated() where lane.circuit != nil && circuits[sparse].bulk[index] == nil {
      return true
    }
    guard tor != .unreachable, circuits.count < settings.circuitLimit,
      let pace = peers[name]?.bulkPace, pace.nextAttempt(from: now) <= now,
      let index = lanes.firstIndex(where: { $0.circuit == nil })
    else { return false }
    counters[.dialled] += 1
    let circuit = circuits.insert(
      Circuit(
        .connecting(name), lane: index + 1, at: now, selfCallToken: circuits[sparse].selfCallToken,
        flowLabel: random.next(upperBound: 0xfffff) + 1))
    peers[name]?.bulk[index].circuit = circuit
    lookAgain(at: circuit, when: now + Node.dialTimeout)
    perform(.dial(circuit))
    log(.debug, "\(name): dialling circuit \(index + 2)")
    return true
  }
}
