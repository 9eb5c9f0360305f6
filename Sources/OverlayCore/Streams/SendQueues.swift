/// Send queues are the circuits with what waits on each to be sent, and the store in which all packets lie. They cut packets,
/// let them wait, and hand them to whoever writes; and they keep what concerns several circuits: which flows change theirs,
/// and which circuit the device waits for.
///
/// Each queue is bounded by its share of what the store has free. What finds no room is dropped and counted (`queueFull`).
struct SendQueues: ~Copyable {
  /// For how long a circuit may take no bytes while there are some to send.
  static let stallTimeout = Duration.seconds(60)
  /// How many segments of one super-packet are sent at most: as many as a queue holds, from which the next would drop the
  /// first.
  static let segmentLimit = FlowQueue.memoryLimit / PacketStore.smallSize

  /// The circuits.
  var circuits = CircuitTable()
  /// Where packets lie.
  var store: PacketStore
  /// The flows that change their circuit.
  var migrations = FlowMigrations()
  /// Which circuit the device waits for.
  private(set) var backpressure = Backpressure()
  /// How many bytes of the store what waits to be sent leaves to what comes in: a cut packet without room ends its
  /// circuit.
  var reserve: Int
  // By the circuit's slot: when it has taken nothing for too long.
  private(set) var deadlines = DeadlineQueue()
  private let runs = WriteRuns()

  /// No circuit, and so much memory for packets, of which so much is left to what comes in.
  init(packetBytes: Int, reserve: Int) {
    store = PacketStore(byteLimit: packetBytes)
    self.reserve = reserve
  }

  /// Takes a circuit out. What waits on it is the caller's to give back.
  mutating func remove(_ identifier: CircuitIdentifier) -> Circuit? {
    guard let circuit = circuits.remove(identifier) else { return nil }
    backpressure.end(identifier)
    if !migrations.isEmpty { migrations.forget(identifier) }
    deadlines.cancel(identifier.slot)
    return circuit
  }

  // MARK: - Time

  /// When `advance` has to be called next.
  var nextDeadline: Instant {
    min(deadlines.earliest, min(migrations.nextDeadline, backpressure.deadline))
  }

  /// Does what is due. It returns a circuit that has taken nothing for too long.
  mutating func advance(to now: Instant, out: inout Outbox) -> CircuitIdentifier? {
    while let circuit = migrations.endOverdue(in: &circuits, at: now) { requestFlush(circuit, out: &out) }
    if let circuit = backpressure.due(at: now) { noteBacklog(of: circuit, out: &out, at: now) }
    while let slot = deadlines.popDue(at: now) {
      guard let circuit = circuits.identifier(inSlot: slot), !circuits[circuit].queue.isEmpty else { continue }
      let due = circuits[circuit].lastProgress + SendQueues.stallTimeout
      guard due > now else { return circuit }
      deadlines.ask(slot, at: due)
    }
    return nil
  }

  // MARK: - Into a queue, and out of it

  /// Puts a packet into the queue of a circuit, as ordinary packets or, where the peer takes them and the circuit is fast
  /// enough, as larger ones. Without a circuit it waits in `waiting`.
  mutating func enqueue(
    _ packet: PacketView, _ offload: OffloadHeader, flow: UInt32, on circuit: CircuitIdentifier?,
    takesSuperPackets: Bool, waiting: inout PacketQueue, out: inout Outbox, at now: Instant
  ) {
    var segmentation = offload.segmentation
    if let circuit {
      // What waits for a migration takes less memory in segments.
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
      // No room for one is no room for those behind it.
      guard isTaken else {
        out.counters[.queueFull] += UInt64(splitter.countLeft - 1)
        return
      }
      count += 1
    }
    out.counters[.queueFull] += UInt64(splitter.countLeft)
  }

  /// Lets a packet of `length` bytes wait that `write` writes to where it is to lie. It returns whether there was room;
  /// otherwise the packet is counted, and `write` is not called.
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
    if let circuit {
      put(slot, flow, on: circuit, out: &out, at: now)
    } else {
      let limit = share(of: waiting.memory + store.size(of: slot))
      out.counters[.queueFull] += UInt64(waiting.append(slot, limit: limit, store: &store))
    }
    return true
  }

  /// Lets a packet wait on an open circuit that lies in the store already.
  mutating func put(
    _ slot: PacketStore.Slot, _ flow: UInt32, on circuit: CircuitIdentifier, out: inout Outbox, at now: Instant
  ) {
    if circuits[circuit].queue.isEmpty {
      circuits[circuit].lastProgress = now
      deadlines.ask(circuit.slot, at: now + SendQueues.stallTimeout)
    }
    let limit = share(of: circuits[circuit].queue.memory + store.size(of: slot))
    let dropped = circuits[circuit].queue.append(slot, flow: flow, limit: limit, at: now, store: &store)
    out.counters[.queueFull] += UInt64(dropped)
    noteBacklog(of: circuit, out: &out, at: now)
    requestFlush(circuit, out: &out)
  }

  /// How much of the store a queue may be lent that is lent so many bytes of it, in bytes: as much as it leaves free. So no
  /// one queue fills the store, and whoever comes finds room, however many there are.
  private func share(of memory: Int) -> Int { (memory + store.bytesFree(leaving: reserve)) / 2 }

  /// Asks for a write, unless that is asked for.
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

  /// Hands what waits on the circuit to `write`, in order, in at most `WriteRuns.limit` runs of bytes. `write` returns how
  /// many bytes it took. The result is whether more is left, so that it is worth to wait until the socket takes more.
  mutating func transmit(
    _ circuit: CircuitIdentifier, out: inout Outbox, at now: Instant,
    using write: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Int
  ) -> Bool {
    guard circuits.contains(circuit) else { return false }
    circuits[circuit].isFlushRequested = false
    let isOpen = circuits[circuit].isOpen
    if isOpen {
      let losses = circuits[circuit].fillBatch(at: now, store: &store)
      out.counters[.queueAged] += UInt64(losses.aged)
      out.counters[.queueMarked] += UInt64(losses.marked)
    }
    let preamble = circuits[circuit].preamble
    guard preamble.count + circuits[circuit].queue.batchBytes > 0 else { return false }
    var offered = 0
    var taken = preamble.withUnsafeBytes { first in
      let runs = self.runs.memory
      runs.initializeElement(at: 0, to: first)
      let count = circuits[circuit].queue.fill(runs, from: first.isEmpty ? 0 : 1, store: store)
      for run in runs[..<count] { offered += run.count }
      return write(UnsafeBufferPointer(rebasing: runs[..<count]))
    }
    circuits[circuit].wrote(taken, of: offered, at: now)
    if !preamble.isEmpty {
      let ofPreamble = min(taken, preamble.count)
      circuits[circuit].preamble = Array(preamble.dropFirst(ofPreamble))
      taken -= ofPreamble
    }
    circuits[circuit].queue.consume(taken, store: &store)
    if backpressure.circuit == circuit { noteBacklog(of: circuit, out: &out, at: now) }
    return !circuits[circuit].preamble.isEmpty || isOpen && !circuits[circuit].queue.isEmpty
  }
}
