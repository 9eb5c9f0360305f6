/// What goes to circuits, and waits until they take it.
extension Streams {
  /// Queues a packet on a circuit, as ordinary packets or, if the peer takes them and the circuit is fast enough, as
  /// larger ones. Without a circuit the packet waits in `waiting`.
  mutating func enqueue(
    _ packet: PacketView, _ offload: OffloadHeader, flow: UInt32, on circuit: CircuitIdentifier?,
    takesSuperPackets: Bool, waiting: inout PacketQueue, out: inout Outbox, at now: Instant
  ) {
    queues.enqueue(
      packet, offload, flow: flow, on: circuit, takesSuperPackets: takesSuperPackets, waiting: &waiting, out: &out,
      at: now)
  }

  /// Hands the packets that wait on the circuit to `write`, as `SendQueues.transmit` does.
  mutating func transmit(
    _ circuit: CircuitIdentifier, _ account: Int, out: inout Outbox, at now: Instant,
    using write: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Int
  ) -> Bool {
    contains(circuit) && queues.transmit(circuit, account, out: &out, at: now, using: write)
  }

  /// Promotes a circuit for bulk: it carries sparse flows, too, from now on.
  mutating func promote(_ circuit: CircuitIdentifier, out: inout Outbox) { queues.promote(circuit, out: &out) }

  /// Migrates a flow, whose next packet is `packet`, to another circuit, with its waiting packets. It returns the
  /// circuit that `packet` goes out on.
  mutating func migrate(
    _ flow: UInt32, from old: CircuitIdentifier, to new: CircuitIdentifier, with packet: PacketView,
    out: inout Outbox, at now: Instant
  ) -> CircuitIdentifier { queues.migrate(flow, from: old, to: new, with: packet, out: &out, at: now) }

  /// Ends a flow's migration if `packet` repeats bytes that went along the old circuit.
  mutating func endMigration(of flow: UInt32, ifRepeatedBy packet: PacketView, out: inout Outbox) {
    queues.endMigration(of: flow, ifRepeatedBy: packet, out: &out)
  }

  /// Notes a delivered packet, which may end the migration of a flow.
  mutating func noteDelivered(_ packet: PacketView, out: inout Outbox) { queues.noteDelivered(packet, out: &out) }

  /// Queues the packets that waited for a circuit on a circuit that is open now.
  mutating func release(
    _ waiting: inout PacketQueue, to circuit: CircuitIdentifier, out: inout Outbox, at now: Instant
  ) { queues.release(&waiting, to: circuit, out: &out, at: now) }

  /// Queues the packets of a circuit that is gone on `circuit`, or in `waiting` until a circuit is built if `circuit`
  /// is `nil`.
  mutating func rescue(
    _ queue: inout FlowQueue, to circuit: CircuitIdentifier?, waiting: inout PacketQueue, out: inout Outbox,
    at now: Instant
  ) { queues.rescue(&queue, to: circuit, waiting: &waiting, out: &out, at: now) }

  /// Drops the packets of a circuit that is gone.
  mutating func discard(_ queue: inout FlowQueue) { queues.discard(&queue) }

  /// Copies a packet to the end of `waiting`. It returns false if the store has no room.
  mutating func hold(_ packet: PacketView, in waiting: inout PacketQueue) -> Bool {
    guard let slot = queues.store.lend(packet.count, leaving: queues.reserve) else { return false }
    queues.store.room(slot).copyMemory(from: packet.bytes)
    return waiting.append(slot, store: &queues.store) == 0
  }

  /// Gives all packets of a queue back to the store.
  mutating func discard(_ waiting: inout PacketQueue) {
    while let slot = takeFirst(of: &waiting) { takeBack(slot) }
  }

  /// Removes the first packet of `waiting` and returns it; `nil` if there is none. The caller gives it back with
  /// `takeBack`.
  mutating func takeFirst(of waiting: inout PacketQueue) -> PacketStore.Slot? { waiting.popFirst(queues.store) }

  /// Removes the packets of `waiting` that were queued at `time` or before, and returns them, with the time at which
  /// the first of the others was queued, if there are others.
  mutating func takeQueued(
    upTo time: Instant, of waiting: inout PacketQueue
  ) -> (earlier: PacketQueue, nextQueued: Instant?) {
    let earlier = waiting.split(upTo: time, store: &queues.store)
    return (earlier, waiting.firstQueued(queues.store))
  }

  /// Returns the packet in a slot.
  func packet(in slot: PacketStore.Slot) -> PacketView? { PacketView(queues.store.room(slot)) }

  /// Gives the slot of a packet back to the store.
  mutating func takeBack(_ slot: PacketStore.Slot) {
    queues.store.takeBack(slot)
  }
}
