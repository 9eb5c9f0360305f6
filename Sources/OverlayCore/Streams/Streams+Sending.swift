/// What is sent: the way from a packet to the bytes of a circuit.
extension Streams {
  /// Puts a packet into the queue of a circuit, as ordinary packets or, where the peer takes them and the circuit is fast
  /// enough, as larger ones. Without a circuit it waits in `waiting`.
  mutating func enqueue(
    _ packet: PacketView, _ offload: OffloadHeader, flow: UInt32, on circuit: CircuitIdentifier?,
    takesSuperPackets: Bool, waiting: inout PacketQueue, out: inout Outbox, at now: Instant
  ) {
    queues.enqueue(
      packet, offload, flow: flow, on: circuit, takesSuperPackets: takesSuperPackets, waiting: &waiting, out: &out,
      at: now)
  }

  /// Hands what waits on the circuit to `write`, in order, in at most `WriteRuns.limit` runs of bytes. `write` returns how
  /// many bytes it took. The result is whether more is left, so that it is worth to wait until the socket takes more.
  mutating func transmit(
    _ circuit: CircuitIdentifier, out: inout Outbox, at now: Instant,
    using write: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Int
  ) -> Bool {
    contains(circuit) && queues.transmit(circuit, out: &out, at: now, using: write)
  }

  /// Lets a circuit for bulk carry sparse flows, too.
  mutating func promote(_ circuit: CircuitIdentifier, out: inout Outbox) { queues.promote(circuit, out: &out) }

  /// Moves a flow to another circuit, with what it has waiting; `packet` is its next. It returns the circuit that `packet`
  /// goes out on.
  mutating func migrate(
    _ flow: UInt32, from old: CircuitIdentifier, to new: CircuitIdentifier, with packet: PacketView,
    out: inout Outbox, at now: Instant
  ) -> CircuitIdentifier { queues.migrate(flow, from: old, to: new, with: packet, out: &out, at: now) }

  /// Ends a flow's migration if it sends again what went along the circuit before.
  mutating func endMigration(of flow: UInt32, ifRepeatedBy packet: PacketView, out: inout Outbox) {
    queues.endMigration(of: flow, ifRepeatedBy: packet, out: &out)
  }

  /// Takes note of a packet that was delivered: it may end a flow's migration.
  mutating func noteDelivered(_ packet: PacketView, out: inout Outbox) { queues.noteDelivered(packet, out: &out) }

  /// Lets packets wait on an open circuit that have waited for one.
  mutating func release(
    _ waiting: inout PacketQueue, to circuit: CircuitIdentifier, out: inout Outbox, at now: Instant
  ) { queues.release(&waiting, to: circuit, out: &out, at: now) }

  /// Lets what waits on a circuit that is gone wait on another one, or, if that is `nil`, for one to be built.
  mutating func rescue(
    _ queue: inout FlowQueue, to circuit: CircuitIdentifier?, waiting: inout PacketQueue, out: inout Outbox,
    at now: Instant
  ) { queues.rescue(&queue, to: circuit, waiting: &waiting, out: &out, at: now) }

  /// Drops what waits on a circuit that is gone.
  mutating func discard(_ queue: inout FlowQueue) {
    while let slot = queue.popAny(store: &queues.store) { queues.store.takeBack(slot) }
  }

  /// Takes out the first of some waiting packets, which is the caller's to give back; `nil` if there is none.
  mutating func takeFirst(of waiting: inout PacketQueue) -> PacketStore.Slot? { waiting.popFirst(queues.store) }

  /// The packet that lies in a slot.
  func packet(in slot: PacketStore.Slot) -> PacketView? { PacketView(queues.store.room(slot)) }

  /// Drops a packet that was taken out.
  mutating func takeBack(_ slot: PacketStore.Slot) {
    queues.store.takeBack(slot)
  }
}
