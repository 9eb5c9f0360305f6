/// How packets change their queue: with a flow that is bulk now, and when a circuit is gone.
extension SendQueues {
  // MARK: - Bulk queues

  /// Makes a bulk queue without circuits, and returns its number.
  mutating func makeBulk() -> Int { bulks.insert(BulkQueue()) }

  /// Lets an open circuit take from a bulk queue, by this lane.
  mutating func join(_ circuit: CircuitIdentifier, to lane: BulkLane, out: inout Outbox, at now: Instant) {
    leaveBulk(circuit)
    circuits[circuit].bulk = lane
    bulks[lane.queue].join(circuit, lane.number, at: now)
    askTakers(of: lane.queue, out: &out)
  }

  /// Lets a circuit take from its bulk queue no more.
  private mutating func leaveBulk(_ circuit: CircuitIdentifier) {
    guard let lane = circuits[circuit].bulk else { return }
    circuits[circuit].bulk = nil
    bulks[lane.queue].leave(circuit, lane.number, wasIdle: false)
  }

  /// Asks the shell to write to all circuits that may take something from a bulk queue now, because another one takes
  /// from it no more: who was chosen may be gone, and bound flows have other circuits.
  private mutating func askTakers(of bulk: Int, out: inout Outbox) {
    for circuit in bulks[bulk].takers where hasPackets(for: circuit) { requestFlush(circuit, out: &out) }
  }

  /// Removes a bulk queue that no circuit takes from. Its packets wait until a circuit is built.
  mutating func removeBulk(_ bulk: Int, waiting: inout PacketQueue, out: inout Outbox) {
    var gone = bulks.remove(bulk)
    bulkDeadlines.cancel(bulk)
    backpressure.end(.bulk(bulk))
    while let slot = gone.queue.popAny(store: &store) {
      out.counters[.queueFull] += UInt64(waiting.append(slot, store: &store))
    }
  }

  /// Makes a flow bulk: what waits of it on a circuit waits in a bulk queue now.
  mutating func moveToBulk(
    _ flow: UInt32, from circuit: CircuitIdentifier, to bulk: Int, isBound: Bool, out: inout Outbox, at now: Instant
  ) {
    var next = circuits[circuit].queue.detach(flow: flow, store: store)
    while next != .none {
      let slot = next
      next = store[slot].next
      var none = PacketQueue()
      // Other flows that share the place stay.
      let place = store[slot].flow == flow ? Place.bulk(bulk, isBound: isBound) : .circuit(circuit)
      put(slot, in: place, waiting: &none, out: &out, at: now)
    }
  }

  // MARK: - Circuits that are gone

  /// Puts what a circuit for bulk that is gone was about to send back into its bulk queue. A packet that was sent in
  /// part is lost and counted (`lostWithCircuit`).
  mutating func giveBack(_ circuit: inout Circuit, to bulk: Int, out: inout Outbox) {
    if circuit.batch.isWithinPacket { out.counters[.lostWithCircuit] += 1 }
    var taken: [PacketStore.Slot] = []
    while let slot = circuit.popAny(store: &store) { taken.append(slot) }
    for slot in taken.reversed() { bulks[bulk].queue.putBack(slot, flow: store[slot].flow, store: &store) }
    askTakers(of: bulk, out: &out)
  }

  /// Queues the packets of a circuit that is gone on `circuit`, or in `waiting` until a circuit is built if `circuit`
  /// is `nil`. A packet that was sent in part is lost and counted (`lostWithCircuit`).
  mutating func rescue(
    _ gone: inout Circuit, to circuit: CircuitIdentifier?, waiting: inout PacketQueue, out: inout Outbox,
    at now: Instant
  ) {
    if gone.batch.isWithinPacket { out.counters[.lostWithCircuit] += 1 }
    while let slot = gone.popAny(store: &store) {
      if let circuit {
        put(slot, on: circuit, out: &out, at: now)
        circuits[circuit].lastSent = now
      } else {
        out.counters[.queueFull] += UInt64(waiting.append(slot, store: &store))
      }
    }
  }

  /// Drops the packets of a circuit that is gone.
  mutating func discard(_ gone: inout Circuit) {
    while let slot = gone.popAny(store: &store) { store.takeBack(slot) }
  }
}
