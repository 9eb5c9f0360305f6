/// How bulk flows are told from sparse ones, and when a peer gets circuits for them.
extension PeerTable {
  /// The time between two looks whether bulk flows need one more circuit.
  private static let laneLookInterval = Duration.milliseconds(10)
  /// The same time if a limit was in the way, because each attempt counts as a refusal.
  private static let laneLimitInterval = Duration.seconds(1)

  /// Returns the queue for a packet: the peer's bulk queue if the packet's flow is bulk, otherwise that of the first
  /// circuit, if there is one that is open.
  mutating func place(
    for packet: PacketView, _ flow: UInt32, of peer: PeerSlots.Index, streams: inout Streams, out: inout Outbox,
    at now: Instant
  ) -> SendQueues.Place {
    guard let sparse = peers[peer].sparse.open, let bulk = peers[peer].bulkQueue else { return .waiting }
    let verdict = peers[peer].flows.note(
      flow, bytes: packet.bytes.count, rate: { streams.rate(of: sparse, orBulk: bulk, at: now) }, at: now,
      isWaiting: { $0 ? streams.holds(flow, inBulk: bulk) : streams.holds(flow, on: sparse) })
    if case .sparse = verdict { return .circuit(sparse) }
    let isBound = !(peers[peer].capabilities.contains(.order) && packet.canBeSpread)
    if case .newlyBulk = verdict {
      streams.moveToBulk(flow, from: sparse, to: bulk, isBound: isBound, out: &out, at: now)
    }
    if now >= peers[peer].nextLaneLook {
      peers[peer].nextLaneLook = now + PeerTable.laneLookInterval
      if streams.wantsCircuit(for: bulk, of: mostLanes(of: peer, at: now), at: now) {
        addLane(to: peer, streams: &streams, out: &out, at: now)
      }
    }
    return .bulk(bulk, isBound: isBound)
  }

  /// Returns the greatest number of circuits for bulk that a peer may have as soon as one more can be built; zero where
  /// none will be for a while.
  private func mostLanes(of peer: PeerSlots.Index, at now: Instant) -> Int {
    let isBuilding = peers[peer].bulk.contains { $0.current?.isOpen == false }
    let isSoon = tor != .unreachable && peers[peer].bulkPace.nextAttempt(from: now) - now < LaneGrowth.patience
    return isBuilding || isSoon ? policy.circuitsPerPeer - 1 : 0
  }

  /// Begins one more circuit for bulk, unless one is being built or there may be no more.
  private mutating func addLane(
    to peer: PeerSlots.Index, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    let lanes = peers[peer].bulk.prefix(policy.circuitsPerPeer - 1)
    guard let name = peers[peer].name, !lanes.contains(where: { $0.current?.isOpen == false }), tor != .unreachable,
      peers[peer].bulkPace.nextAttempt(from: now) <= now, let index = lanes.firstIndex(where: { $0.current == nil })
    else { return }
    // Bulk flows can share a circuit. The other half of the limit is for first circuits, and for those that peers dial.
    guard streams.count < policy.bounds.circuits / 2 else {
      out.counters[.circuitLimit] += 1
      peers[peer].nextLaneLook = now + PeerTable.laneLimitInterval
      return
    }
    guard dials.take(isConfigured: false, at: now) else {
      out.counters[.dialLimit] += 1
      peers[peer].nextLaneLook = now + PeerTable.laneLimitInterval
      return
    }
    let way = beginCircuit(
      to: name, peers[peer].bulk[index].user, timeout: PeerTable.dialTimeout, streams: &streams, out: &out, at: now)
    set(.lane(peer, index + 1), of: way.circuit)
    peers[peer].bulk[index].current = way
    out.tell(.dialling(name, circuit: index + 1))
  }

  /// Lets an open circuit of a peer take from the peer's bulk queue, by its lane.
  mutating func join(
    _ circuit: CircuitIdentifier, _ lane: Int, of peer: PeerSlots.Index, streams: inout Streams, out: inout Outbox,
    at now: Instant
  ) {
    let bulk = peers[peer].bulkQueue ?? streams.makeBulk()
    peers[peer].bulkQueue = bulk
    streams.join(circuit, to: BulkLane(queue: bulk, number: lane), out: &out, at: now)
  }

  /// Queues the packets that waited for the first circuit, which is open now.
  mutating func releaseWaiting(
    to circuit: CircuitIdentifier, of peer: PeerSlots.Index, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    var waiting = PacketQueue()
    swap(&waiting, &peers[peer].waiting)
    while let slot = streams.takeFirst(of: &waiting) {
      let place = streams.packet(in: slot).map {
        self.place(for: $0, streams.flow(in: slot), of: peer, streams: &streams, out: &out, at: now)
      }
      streams.put(slot, in: place ?? .circuit(circuit), waiting: &peers[peer].waiting, out: &out, at: now)
    }
  }
}
