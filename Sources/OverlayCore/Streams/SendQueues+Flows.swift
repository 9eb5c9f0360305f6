/// Packets that change their queue: with a flow that migrates, or because their circuit stands at last, or is gone.
extension SendQueues {
  /// Moves a flow to another circuit, with what it has waiting; `packet` is its next. It returns the circuit that `packet`
  /// goes out on. The first of what was not sent yet still goes along the circuit before, so that an answer tells when it
  /// and all before it have arrived. Only then the rest follows along the new one.
  mutating func migrate(
    _ flow: UInt32, from old: CircuitIdentifier, to new: CircuitIdentifier, with packet: PacketView,
    out: inout Outbox, at now: Instant
  ) -> CircuitIdentifier {
    var next = circuits[old].queue.detach(flow: flow, store: store)
    var isFirst = true
    while next != .none {
      let slot = next
      next = store[slot].next
      // Flows that share a queue do not all migrate.
      let waiting = PacketView(store.room(slot))
      let own = waiting?.flow ?? 0
      var goesAlong = own == flow
      if goesAlong, isFirst, let waiting {
        goesAlong = !migrations.begin(flow, to: new, after: waiting, in: &circuits, at: now)
      }
      if own == flow { isFirst = false }
      put(slot, own, on: goesAlong ? new : old, out: &out, at: now)
    }
    return isFirst && migrations.begin(flow, to: new, after: packet, in: &circuits, at: now) ? old : new
  }

  /// Takes note of a packet that was delivered: it may end a flow's migration.
  mutating func noteDelivered(_ packet: PacketView, out: inout Outbox) {
    guard !migrations.isEmpty, let circuit = migrations.end(byAnswer: packet, in: &circuits) else { return }
    requestFlush(circuit, out: &out)
  }

  /// Lets a circuit for bulk carry sparse flows, too.
  mutating func promote(_ circuit: CircuitIdentifier, out: inout Outbox) {
    circuits[circuit].service = .sparse
    // What went along the circuit before does not arrive.
    if migrations.endAll(to: circuit, in: &circuits) { requestFlush(circuit, out: &out) }
  }

  /// Ends a flow's migration if it sends again what went along the circuit before.
  mutating func endMigration(of flow: UInt32, ifRepeatedBy packet: PacketView, out: inout Outbox) {
    guard !migrations.isEmpty, let circuit = migrations.end(of: flow, ifRepeatedBy: packet, in: &circuits) else {
      return
    }
    requestFlush(circuit, out: &out)
  }

  /// Lets packets wait on an open circuit that have waited for one.
  mutating func release(
    _ waiting: inout PacketQueue, to circuit: CircuitIdentifier, out: inout Outbox, at now: Instant
  ) {
    while let slot = waiting.popFirst(store) {
      put(slot, PacketView(store.room(slot))?.flow ?? 0, on: circuit, out: &out, at: now)
    }
  }

  /// Lets what waits on a circuit that is gone wait on another one, or, if that is `nil`, for one to be built.
  mutating func rescue(
    _ queue: inout FlowQueue, to circuit: CircuitIdentifier?, waiting: inout PacketQueue, out: inout Outbox,
    at now: Instant
  ) {
    if queue.isWithinPacket { out.counters[.lostWithCircuit] += 1 }
    while let slot = queue.popAny(store: &store) {
      if let circuit {
        put(slot, PacketView(store.room(slot))?.flow ?? 0, on: circuit, out: &out, at: now)
        circuits[circuit].lastSent = now
      } else {
        out.counters[.queueFull] += UInt64(waiting.append(slot, store: &store))
      }
    }
  }

  /// Drops what waits on a circuit that is gone. It returns how many packets that were.
  mutating func discard(_ queue: inout FlowQueue) -> Int {
    var count = 0
    while let slot = queue.popAny(store: &store) {
      store.takeBack(slot)
      count += 1
    }
    return count
  }
}
