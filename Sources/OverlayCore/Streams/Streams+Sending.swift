/// What goes to circuits, and waits until they take it.
extension Streams {
  /// Queues a packet, as `SendQueues.enqueue` does.
  mutating func enqueue(
    _ packet: PacketView, _ offload: OffloadHeader, flow: UInt32, in place: SendQueues.Place, takesSuperPackets: Bool,
    waiting: inout PacketQueue, out: inout Outbox, at now: Instant
  ) {
    queues.enqueue(
      packet, offload, flow: flow, in: place, takesSuperPackets: takesSuperPackets, waiting: &waiting, out: &out,
      at: now)
  }

  /// Hands the packets that wait on the circuit to `write`, as `SendQueues.transmit` does.
  mutating func transmit(
    _ circuit: CircuitIdentifier, _ account: Int, out: inout Outbox, at now: Instant,
    using write: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Int
  ) -> Bool {
    contains(circuit) && queues.transmit(circuit, account, out: &out, at: now, using: write)
  }

  /// Queues a packet that lies in the store.
  mutating func put(
    _ slot: PacketStore.Slot, in place: SendQueues.Place, waiting: inout PacketQueue, out: inout Outbox,
    at now: Instant
  ) { queues.put(slot, in: place, waiting: &waiting, out: &out, at: now) }

  // MARK: - Bulk queues

  /// Returns the bytes per second that a circuit that takes from a bulk queue takes, or else one that may; `nil` if
  /// that is not known, or if they take everything.
  func rate(of circuit: CircuitIdentifier, orBulk bulk: Int, at now: Instant) -> Double? {
    if let rate = self[circuit].rate.bytesPerSecond(at: now) { return rate }
    for other in queues.bulks[bulk].takers {
      if let rate = self[other].rate.bytesPerSecond(at: now) { return rate }
    }
    return nil
  }

  /// Returns whether packets of a flow wait on the circuit.
  func holds(_ flow: UInt32, on circuit: CircuitIdentifier) -> Bool { self[circuit].queue.holds(flow: flow) }

  /// Returns whether packets wait in a bulk queue.
  func holdsAny(inBulk bulk: Int) -> Bool { !queues.bulks[bulk].queue.isEmpty }

  /// Returns whether packets of a flow wait in a bulk queue.
  func holds(_ flow: UInt32, inBulk bulk: Int) -> Bool { queues.bulks[bulk].queue.holds(flow: flow) }

  /// Returns whether one more circuit is to be built for what waits in a bulk queue, which may have `most`.
  mutating func wantsCircuit(for bulk: Int, of most: Int, at now: Instant) -> Bool {
    queues.bulks[bulk].growth.most = most
    return queues.bulks[bulk].growth.wantsAnother(beside: queues.bulks[bulk].laneCount, at: now)
  }

  /// Returns whether a circuit has packets to send, or may take some of bulk flows.
  func hasPackets(for circuit: CircuitIdentifier) -> Bool { queues.hasPackets(for: circuit) }

  /// Makes a bulk queue without circuits, and returns its number.
  mutating func makeBulk() -> Int { queues.makeBulk() }

  /// Lets an open circuit take from a bulk queue, by this lane.
  mutating func join(_ circuit: CircuitIdentifier, to lane: BulkLane, out: inout Outbox, at now: Instant) {
    queues.join(circuit, to: lane, out: &out, at: now)
  }

  /// Removes a bulk queue that no circuit takes from. Its packets wait until a circuit is built.
  mutating func removeBulk(_ bulk: Int, waiting: inout PacketQueue, out: inout Outbox) {
    queues.removeBulk(bulk, waiting: &waiting, out: &out)
  }

  /// Makes a flow bulk: what waits of it on a circuit waits in a bulk queue now.
  mutating func moveToBulk(
    _ flow: UInt32, from circuit: CircuitIdentifier, to bulk: Int, isBound: Bool, out: inout Outbox, at now: Instant
  ) { queues.moveToBulk(flow, from: circuit, to: bulk, isBound: isBound, out: &out, at: now) }

  // MARK: - Circuits that are gone

  /// Puts what a circuit for bulk that is gone was about to send back into its bulk queue.
  mutating func giveBack(_ circuit: inout Circuit, to bulk: Int, out: inout Outbox) {
    queues.giveBack(&circuit, to: bulk, out: &out)
  }

  /// Queues the packets of a circuit that is gone on `circuit`, or in `waiting` until a circuit is built if `circuit`
  /// is `nil`.
  mutating func rescue(
    _ gone: inout Circuit, to circuit: CircuitIdentifier?, waiting: inout PacketQueue, out: inout Outbox,
    at now: Instant
  ) { queues.rescue(&gone, to: circuit, waiting: &waiting, out: &out, at: now) }

  /// Drops the packets of a circuit that is gone.
  mutating func discard(_ gone: inout Circuit) { queues.discard(&gone) }

  // MARK: - Packets that wait for a circuit

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

  /// Returns the hash of the flow of the packet in a slot.
  func flow(in slot: PacketStore.Slot) -> UInt32 { queues.store[slot].flow }

  /// Returns the packet in a slot.
  func packet(in slot: PacketStore.Slot) -> PacketView? { PacketView(queues.store.room(slot)) }

  /// Gives the slot of a packet back to the store.
  mutating func takeBack(_ slot: PacketStore.Slot) {
    queues.store.takeBack(slot)
  }
}
