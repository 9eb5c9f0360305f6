/// How packets change their queue: with a flow that migrates, when their circuit is granted, or when it is gone.
extension SendQueues {
  /// Migrates a flow, whose next packet is `packet`, to another circuit, with its waiting packets. It returns the
  /// circuit that `packet` goes out on. The first packet that was not sent yet still goes along the old circuit, so
  /// that its acknowledgement tells when it and everything before it have arrived. Only then the others follow along
  /// the new circuit.
  mutating func migrate(
    _ flow: UInt32, from old: CircuitIdentifier, to new: CircuitIdentifier, with packet: PacketView,
    out: inout Outbox, at now: Instant
  ) -> CircuitIdentifier {
    var next = circuits[old].queue.detach(flow: flow, store: store)
    var isFirst = true
    while next != .none {
      let slot = next
      next = store[slot].next
      // Other flows that share the queue do not migrate.
      let isOwn = store[slot].flow == flow
      var goesAlong = isOwn
      if isOwn, isFirst, let waiting = PacketView(store.room(slot)) {
        goesAlong = !migrations.begin(flow, to: new, after: waiting, in: &circuits, at: now)
      }
      if isOwn { isFirst = false }
      put(slot, on: goesAlong ? new : old, out: &out, at: now)
    }
    return isFirst && migrations.begin(flow, to: new, after: packet, in: &circuits, at: now) ? old : new
  }

  /// Notes a delivered packet, which may end the migration of a flow.
  mutating func noteDelivered(_ packet: PacketView, out: inout Outbox) {
    guard !migrations.isEmpty, let circuit = migrations.end(byAnswer: packet, in: &circuits) else { return }
    requestFlush(circuit, out: &out)
  }

  /// Promotes a circuit for bulk: it carries sparse flows, too, from now on.
  mutating func promote(_ circuit: CircuitIdentifier, out: inout Outbox) {
    circuits[circuit].service = .sparse
    // The old circuit is gone, and its packets do not arrive.
    if migrations.endAll(to: circuit, in: &circuits) { requestFlush(circuit, out: &out) }
  }

  /// Ends a flow's migration if `packet` repeats bytes that went along the old circuit.
  mutating func endMigration(of flow: UInt32, ifRepeatedBy packet: PacketView, out: inout Outbox) {
    guard !migrations.isEmpty, let circuit = migrations.end(of: flow, ifRepeatedBy: packet, in: &circuits) else {
      return
    }
    requestFlush(circuit, out: &out)
  }

  /// Queues the packets that waited for a circuit on a circuit that is open now.
  mutating func release(
    _ waiting: inout PacketQueue, to circuit: CircuitIdentifier, out: inout Outbox, at now: Instant
  ) {
    while let slot = waiting.popFirst(store) {
      put(slot, on: circuit, out: &out, at: now)
    }
  }

  /// Queues the packets of a circuit that is gone on `circuit`, or in `waiting` until a circuit is built if `circuit`
  /// is `nil`. A packet that was sent in part is lost and counted (`lostWithCircuit`).
  mutating func rescue(
    _ queue: inout FlowQueue, to circuit: CircuitIdentifier?, waiting: inout PacketQueue, out: inout Outbox,
    at now: Instant
  ) {
    if queue.isWithinPacket { out.counters[.lostWithCircuit] += 1 }
    while let slot = queue.popAny(store: &store) {
      if let circuit {
        put(slot, on: circuit, out: &out, at: now)
        circuits[circuit].lastSent = now
      } else {
        out.counters[.queueFull] += UInt64(waiting.append(slot, store: &store))
      }
    }
  }

  /// Drops the packets of a circuit that is gone.
  mutating func discard(_ queue: inout FlowQueue) {
    while let slot = queue.popAny(store: &store) { store.takeBack(slot) }
  }
}
