/// Send queues hold the circuits, the packets that wait on each of them, and the store that these packets lie in. They
/// cut packets, queue them, and hand them to whoever writes. They also keep what concerns several circuits: the flows
/// that migrate, and the circuit that the device waits for.
///
/// Each queue is bounded by its share of the free memory of the store. A packet without room is dropped and counted
/// (`queueFull`).
struct SendQueues: ~Copyable {
  /// The longest time that a circuit may take no bytes while there are some to send.
  static let stallTimeout = Duration.seconds(60)
  /// The greatest number of segments of one super-packet. It is as many as a queue holds: a further one would displace
  /// the first.
  static let segmentLimit = FlowQueue.memoryLimit / PacketStore.smallSize

  /// The circuits.
  var circuits = CircuitTable()
  /// The memory of the packets.
  var store: PacketStore
  /// The flows that migrate to another circuit.
  var migrations = FlowMigrations()
  /// The ceilings of what goes to circuits.
  private(set) var sending = RateGate()
  /// The greatest rate of any circuit in bytes per second; `nil` for any.
  private(set) var ceiling: Double?
  /// The circuit that the device waits for.
  private(set) var backpressure = Backpressure()
  /// The number of bytes of the store that packets to be sent leave to packets that come in, because a cut packet
  /// without room ends its circuit.
  var reserve: Int
  // By the circuit's slot: the time at which it has taken nothing for too long.
  private(set) var deadlines = DeadlineQueue()
  private let runs = WriteRuns()

  /// Makes queues without circuits, with `packetBytes` bytes for packets, of which `reserve` are left to packets that
  /// come in.
  init(packetBytes: Int, reserve: Int) {
    store = PacketStore(byteLimit: packetBytes)
    self.reserve = reserve
  }

  /// Removes a circuit and returns it; `nil` if it is gone already. The caller gives its packets back to the store.
  mutating func remove(_ identifier: CircuitIdentifier) -> Circuit? {
    guard let circuit = circuits.remove(identifier) else { return nil }
    backpressure.end(identifier)
    sending.forget(identifier)
    if !migrations.isEmpty { migrations.forget(identifier) }
    deadlines.cancel(identifier.slot)
    return circuit
  }

  // MARK: - Time

  /// The time at which `advance` has to be called next.
  var nextDeadline: Instant {
    min(deadlines.earliest, min(migrations.nextDeadline, backpressure.deadline), sending.nextDeadline)
  }

  /// Changes the ceilings of what goes to circuits.
  mutating func change(to limits: RateLimits, at now: Instant) {
    sending.change(to: limits, at: now)
    ceiling = limits.bytesPerCircuit.map(Double.init)
    for circuit in circuits.identifiers { circuits[circuit].rate.ceiling = ceiling }
  }

  /// Does what is due. It returns a circuit that has taken nothing for too long, if there is one; the caller closes it
  /// and calls again.
  mutating func advance(to now: Instant, out: inout Outbox) -> CircuitIdentifier? {
    while let circuit = sending.next(at: now) { requestFlush(circuit, out: &out) }
    while let circuit = migrations.endOverdue(in: &circuits, at: now) { requestFlush(circuit, out: &out) }
    if let circuit = backpressure.due(at: now) { noteBacklog(of: circuit, out: &out, at: now) }
    while let slot = deadlines.popDue(at: now) {
      guard let circuit = circuits.identifier(inSlot: slot), !circuits[circuit].queue.isEmpty else { continue }
      let due = circuits[circuit].lastProgress + SendQueues.stallTimeout
      guard due > now else { return circuit }
      deadlines.schedule(slot, at: due)
    }
    return nil
  }

  // MARK: - Into a queue, and out of it

  /// Queues a packet on a circuit, as ordinary packets or, if the peer takes them and the circuit is fast enough, as
  /// larger ones. Without a circuit the packet waits in `waiting`.
  mutating func enqueue(
    _ packet: PacketView, _ offload: OffloadHeader, flow: UInt32, on circuit: CircuitIdentifier?,
    takesSuperPackets: Bool, waiting: inout PacketQueue, out: inout Outbox, at now: Instant
  ) {
    var segmentation = offload.segmentation
    if let circuit {
      // Packets that wait for a migration take less memory as segments.
      segmentation = circuits[circuit].segmentation(
        of: packet, offload, takesSuperPackets: takesSuperPackets && !migrations.wait(on: circuit), at: now)
    }
    guard segmentation == .none else {
      let header = OffloadHeader(segmentation: segmentation, checksum: offload.checksum)
      return split(packet, header, flow, on: circuit, waiting: &waiting, out: &out, at: now)
    }
    if let checksum = offload.checksum, !ChecksumCompletion.complete(checksum, in: packet.memory) {
      out.counters[.malformed] += 1
      return
    }
    _ = append(packet.bytes.count, flow, on: circuit, waiting: &waiting, out: &out, at: now) {
      $0.copyMemory(from: packet.bytes)
    }
  }

  private mutating func split(
    _ packet: PacketView, _ header: OffloadHeader, _ flow: UInt32, on circuit: CircuitIdentifier?,
    waiting: inout PacketQueue, out: inout Outbox, at now: Instant
  ) {
    guard var splitter = SegmentSplitter(packet, header: header) else {
      out.counters[.malformed] += 1
      return
    }
    var count = 0
    while count < SendQueues.segmentLimit, let length = splitter.nextLength {
      let isTaken = append(length, flow, on: circuit, waiting: &waiting, out: &out, at: now) {
        _ = splitter.next(into: $0)
      }
      // If one segment finds no room, those behind it find none.
      guard isTaken else {
        out.counters[.queueFull] += UInt64(splitter.countLeft - 1)
        return
      }
      count += 1
    }
    out.counters[.queueFull] += UInt64(splitter.countLeft)
  }

  /// Queues a packet of `length` bytes, which `write` writes to the memory that it is given. It returns whether there
  /// was room; if not, it counts the packet and does not call `write`.
  private mutating func append(
    _ length: Int, _ flow: UInt32, on circuit: CircuitIdentifier?, waiting: inout PacketQueue, out: inout Outbox,
    at now: Instant, write: (UnsafeMutableRawBufferPointer) -> Void
  ) -> Bool {
    if let circuit { circuits[circuit].lastSent = now }
    guard let slot = store.lend(length, leaving: reserve) else {
      out.counters[.queueFull] += 1
      return false
    }
    write(store.room(slot))
    store[slot].flow = flow
    if let circuit {
      put(slot, on: circuit, out: &out, at: now)
    } else {
      store[slot].queued = now
      let limit = share(of: waiting.memory + store.size(of: slot))
      out.counters[.queueFull] += UInt64(waiting.append(slot, limit: limit, store: &store))
    }
    return true
  }

  /// Queues a packet that lies in the store on an open circuit.
  mutating func put(
    _ slot: PacketStore.Slot, on circuit: CircuitIdentifier, out: inout Outbox, at now: Instant
  ) {
    if circuits[circuit].queue.isEmpty {
      circuits[circuit].lastProgress = now
      deadlines.schedule(circuit.slot, at: now + SendQueues.stallTimeout)
    }
    let limit = share(of: circuits[circuit].queue.memory + store.size(of: slot))
    let dropped = circuits[circuit].queue.append(
      slot, flow: store[slot].flow, limit: limit, at: now, store: &store)
    out.counters[.queueFull] += UInt64(dropped)
    noteBacklog(of: circuit, out: &out, at: now)
    requestFlush(circuit, out: &out)
  }

  /// Returns the memory of the store that a queue may take which takes `memory` bytes now: as much as it leaves free.
  /// So no queue fills the store, and each new one finds room, however many there are.
  private func share(of memory: Int) -> Int { (memory + store.bytesFree(leaving: reserve)) / 2 }

  /// Asks the shell to write to the circuit, unless it was asked already.
  mutating func requestFlush(_ circuit: CircuitIdentifier, out: inout Outbox) {
    guard !circuits[circuit].isFlushRequested else { return }
    circuits[circuit].isFlushRequested = true
    out.perform(.flush(circuit))
  }

  private mutating func noteBacklog(of circuit: CircuitIdentifier, out: inout Outbox, at now: Instant) {
    guard Backpressure.isPassed(by: circuits[circuit].queue) else { return backpressure.end(circuit) }
    if !migrations.isEmpty, migrations.endAll(to: circuit, in: &circuits) { requestFlush(circuit, out: &out) }
    let isFast = circuits[circuit].rate.time(for: circuits[circuit].queue.totalBytes, at: now) < Backpressure.fastDrain
    if isFast, now - circuits[circuit].lastProgress < Backpressure.patience {
      backpressure.begin(circuit, at: now)
    } else {
      backpressure.end(circuit)
    }
  }

  /// Hands the packets that wait on the circuit to `write`, in order, in at most `WriteRuns.limit` runs of bytes.
  /// `write` returns the number of bytes that it took. The result is whether more is left, so that the caller should
  /// wait until the socket takes more. Of a circuit that has to wait for its peer's ceiling, or the node's, nothing is
  /// handed over; `account` is the number of the peer's account.
  mutating func transmit(
    _ circuit: CircuitIdentifier, _ account: Int, out: inout Outbox, at now: Instant,
    using write: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Int
  ) -> Bool {
    guard circuits.contains(circuit) else { return false }
    circuits[circuit].isFlushRequested = false
    let isOpen = circuits[circuit].isOpen
    let isLimited = isOpen && sending.isActive
    var share = (bytes: Int.max, packets: Int.max)
    if isLimited, circuits[circuit].preamble.isEmpty, !circuits[circuit].queue.isEmpty {
      share = allowance(of: circuit, account, out: &out, at: now)
      guard share.bytes > 0 else { return false }
    }
    if isOpen {
      let losses = circuits[circuit].fillBatch(share, at: now, store: &store, delays: &out.figures.queueDelay)
      out.counters[.queueAged] += UInt64(losses.aged)
      out.counters[.queueMarked] += UInt64(losses.marked)
    }
    let preamble = circuits[circuit].preamble
    guard preamble.count + circuits[circuit].queue.batchBytes > 0 else {
      if isLimited { sending.pass(circuit, account, bytes: 0, packets: 0, at: now) }
      return false
    }
    var offered = 0
    var taken = preamble.withUnsafeBytes { first in
      let runs = self.runs.memory
      runs.initializeElement(at: 0, to: first)
      let count = circuits[circuit].queue.fill(runs, from: first.isEmpty ? 0 : 1, store: store)
      for run in runs[..<count] { offered += run.count }
      return write(UnsafeBufferPointer(rebasing: runs[..<count]))
    }
    circuits[circuit].wrote(taken, of: offered, at: now)
    let (written, isBlocked) = (taken, taken < offered)
    if !preamble.isEmpty {
      let ofPreamble = min(taken, preamble.count)
      circuits[circuit].preamble = Array(preamble.dropFirst(ofPreamble))
      taken -= ofPreamble
    }
    let packets = circuits[circuit].queue.consume(taken, store: &store)
    if backpressure.circuit == circuit { noteBacklog(of: circuit, out: &out, at: now) }
    let isLeft = !circuits[circuit].preamble.isEmpty || isOpen && !circuits[circuit].queue.isEmpty
    guard isLimited else { return isLeft }
    sending.pass(circuit, account, bytes: written, packets: packets, at: now)
    // Unless the socket is full, the circuit waits for its turn, and not for the socket.
    return isLeft && (isBlocked || allowance(of: circuit, account, out: &out, at: now).bytes > 0)
  }

  private mutating func allowance(
    of circuit: CircuitIdentifier, _ account: Int, out: inout Outbox, at now: Instant
  ) -> (bytes: Int, packets: Int) {
    let share = sending.allowance(of: circuit, account, at: now)
    out.counters[.sendingLimited] = sending.waits
    // It is not the circuit that takes nothing, unless it was when it had its last turn.
    if share.bytes == 0, !circuits[circuit].isBlocked { circuits[circuit].lastProgress = now }
    return share
  }
}
