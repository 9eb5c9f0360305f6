extension Node {
  /// How long a circuit for bulk stays without any.
  static let bulkIdle = Duration.seconds(30)
  /// For how long flows that found no circuit for bulk do not look for one again, unless one came or went.
  static let laneLookInterval = Duration.milliseconds(10)
  /// The same where the limit of circuits was the reason: each time counts as a refusal.
  static let laneLimitInterval = Duration.seconds(1)

  /// The circuit that a packet to the peer goes out on: the sparse one, unless its flow is bulk and there is another.
  mutating func lane(
    for packet: UnsafeRawBufferPointer, of flow: UInt32, from sparse: CircuitIdentifier, at now: Instant
  ) -> CircuitIdentifier {
    guard settings.circuitsPerPeer > 1, circuits[sparse].isOpen else { return sparse }
    let noted = circuits[sparse].flows.note(flow, bytes: packet.count, at: now)
    if noted.lane != FlowTable.sparseLane, let circuit = circuits[sparse].bulk[noted.lane - 1] {
      if !moves.isEmpty { endMove(of: flow, ifRepeatedBy: packet) }
      return circuit
    }
    guard noted.isBulk, noted.isNewlyBulk || now >= circuits[sparse].nextLaneLook,
      let (lane, circuit) = bulkLane(of: sparse, at: now)
    else { return sparse }
    circuits[sparse].flows.pin(noted, to: lane)
    return move(flow, from: sparse, to: circuit, with: packet, at: now)
  }

  /// A circuit for bulk may be used from now on.
  mutating func bulkLaneGranted(_ circuit: CircuitIdentifier, to name: OnionName) {
    guard let sparse = peers[name]?.link.circuit else { return }
    circuits[sparse].bulk[circuits[circuit].lane - 1] = circuit
    lookForLane(of: sparse)
  }

  /// Lets flows that wait for a circuit for bulk look for one with their next packet.
  mutating func lookForLane(of sparse: CircuitIdentifier) {
    circuits[sparse].nextLaneLook = Instant(nanoseconds: 0)
  }

  /// Where a flow of the sparse circuit goes that is bulk: to the circuit with the fewest; `nil` as long as it waits where
  /// it is. A flow that is pinned stays, so it waits until it can have a circuit of its own or no more are to be had.
  private mutating func bulkLane(
    of sparse: CircuitIdentifier, at now: Instant
  ) -> (lane: Int, circuit: CircuitIdentifier)? {
    circuits[sparse].nextLaneLook = now + Node.laneLookInterval
    var best: (lane: Int, circuit: CircuitIdentifier)?
    var fewest = Int.max
    for index in circuits[sparse].bulk.indices {
      guard let circuit = circuits[sparse].bulk[index] else { continue }
      let count = circuits[sparse].flows.count(on: index + 1, at: now)
      if count < fewest {
        best = (index + 1, circuit)
        fewest = count
      }
    }
    if fewest > 0, hasBulkLaneComing(of: sparse, at: now) { return nil }
    if best != nil { lookForLane(of: sparse) }
    return best
  }

  /// Whether another circuit for bulk is being built: as many as flows wait for one, as far as they are to be had, so that
  /// those that start together need not wait for each other's.
  private mutating func hasBulkLaneComing(of sparse: CircuitIdentifier, at now: Instant) -> Bool {
    guard let name = circuits[sparse].dialledPeer, let lanes = peers[name]?.bulk else { return false }
    let coming = lanes.indices.count { lanes[$0].circuit != nil && circuits[sparse].bulk[$0] == nil }
    guard coming < circuits[sparse].flows.waitingCount(at: now), tor != .unreachable,
      let pace = peers[name]?.bulkPace, pace.nextAttempt(from: now) <= now,
      let index = lanes.firstIndex(where: { $0.circuit == nil })
    else { return coming > 0 }
    // Bulk can share: the other half of the limit is for first circuits to peers, and for those that peers dial.
    guard circuits.count < settings.bounds.circuits / 2 else {
      counters[.circuitLimit] += 1
      circuits[sparse].nextLaneLook = now + Node.laneLimitInterval
      return coming > 0
    }
    guard dialTurns.take(isConfigured: false, at: now) else {
      counters[.dialLimit] += 1
      circuits[sparse].nextLaneLook = now + Node.laneLimitInterval
      return coming > 0
    }
    let circuit = beginCircuit(
      to: name, lane: index + 1, selfCallToken: circuits[sparse].selfCallToken, timeout: Node.dialTimeout, at: now)
    peers[name]?.bulk[index].circuit = circuit
    tell(.dialling(name, circuit: index + 1))
    return true
  }
}
