/// How packets leave their queue for a socket.
extension SendQueues {
  /// Hands the packets that wait for the circuit to `write`, in order, in at most `WriteRuns.limit` runs of bytes.
  /// `write` returns the number of bytes that it took. The result is whether more is left, so that the caller should
  /// wait until the socket takes more. Of a circuit that has to wait for its peer's ceiling, or the node's, nothing is
  /// handed over; `account` is the number of the peer's account.
  mutating func transmit(
    _ circuit: CircuitIdentifier, _ account: Int, out: inout Outbox, at now: Instant,
    using write: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Int
  ) -> Bool {
    guard circuits.contains(circuit) else { return false }
    circuits[circuit].isFlushRequested = false
    circuits[circuit].awaitsSocket = send(on: circuit, account, out: &out, at: now, using: write)
    if let lane = circuits[circuit].bulk { goOn(behind: circuit, lane, out: &out, at: now) }
    return circuits[circuit].awaitsSocket
  }

  private mutating func send(
    on circuit: CircuitIdentifier, _ account: Int, out: inout Outbox, at now: Instant,
    using write: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Int
  ) -> Bool {
    let isOpen = circuits[circuit].isOpen
    let isLimited = isOpen && sending.isActive
    var share = (bytes: Int.max, packets: Int.max)
    if isLimited, circuits[circuit].preamble.isEmpty, hasPackets(for: circuit) {
      share = allowance(of: circuit, account, out: &out, at: now)
      guard share.bytes > 0 else { return false }
    }
    let bulkBytes = isOpen ? fillBatch(of: circuit, share, out: &out, at: now) : 0
    let preamble = circuits[circuit].preamble
    guard preamble.count + circuits[circuit].batch.byteCount > 0 else {
      if isLimited { sending.pass(circuit, account, bytes: 0, packets: 0, at: now) }
      return false
    }
    var offered = 0
    var taken = preamble.withUnsafeBytes { first in
      let runs = self.runs.memory
      runs.initializeElement(at: 0, to: first)
      let count = circuits[circuit].batch.fill(runs, from: first.isEmpty ? 0 : 1, store: store)
      for run in runs[..<count] { offered += run.count }
      return write(UnsafeBufferPointer(rebasing: runs[..<count]))
    }
    let (written, isBlocked) = (taken, taken < offered)
    if !preamble.isEmpty {
      let ofPreamble = min(taken, preamble.count)
      circuits[circuit].preamble = Array(preamble.dropFirst(ofPreamble))
      taken -= ofPreamble
    }
    let packets = circuits[circuit].batch.consume(taken, store: &store)
    let isLeft = !circuits[circuit].preamble.isEmpty || isOpen && hasPackets(for: circuit)
    circuits[circuit].wrote(written, of: offered, isLeft: isLeft, at: now)
    if let limit = circuits[circuit].changeOfUnsentLimit(at: now) { out.perform(.limitUnsent(circuit, limit)) }
    if backpressure.cause == .circuit(circuit) { noteBacklog(of: .circuit(circuit), at: now) }
    if bulkBytes > 0, let lane = circuits[circuit].bulk { bulks[lane.queue].growth.took(bulkBytes, at: now) }
    guard isLimited else { return isLeft }
    sending.pass(circuit, account, bytes: written, packets: packets, at: now)
    // Unless the socket is full, the circuit waits for its turn, and not for the socket.
    return isLeft && (isBlocked || allowance(of: circuit, account, out: &out, at: now).bytes > 0)
  }

  /// Returns whether a circuit has packets to send, or may take some.
  func hasPackets(for circuit: CircuitIdentifier) -> Bool {
    !circuits[circuit].isEmpty
      || circuits[circuit].bulk.map { bulks[$0.queue].hasPackets(for: $0.number) } ?? false
  }

  /// Fills a circuit's write batch with as many packets as one write takes, and as `share` permits: first its own, then
  /// those of bulk flows. It returns the number of bytes of these.
  private mutating func fillBatch(
    of circuit: CircuitIdentifier, _ share: (bytes: Int, packets: Int), out: inout Outbox, at now: Instant
  ) -> Int {
    let wasEmpty = circuits[circuit].batch.isEmpty
    let bytes = min(circuits[circuit].batchLimit(at: now), share.bytes)
    let packets = min(WriteRuns.batchPackets, share.packets)
    let filled = circuits[circuit].fillBatch(
      bytes: bytes, packets: packets, at: now, store: &store, delays: &out.figures.queueDelay)
    note(circuits[circuit].queue.takeLosses(), out: &out)
    guard let lane = circuits[circuit].bulk, bulks[lane.queue].hasPackets(for: lane.number) else { return 0 }
    let before = circuits[circuit].batch.byteCount
    let pace = circuits[circuit].pace(
      BulkQueue.pace, waiting: bulkDrainTime(of: circuit, lane, at: now), patience: patience(of: lane.queue, at: now),
      at: now)
    bulks[lane.queue].queue.fill(
      &circuits[circuit].batch, for: lane.number, bytes: bytes, packets: packets - filled, at: now,
      pace: pace, store: &store, delays: &out.figures.queueDelay)
    note(bulks[lane.queue].queue.takeLosses(), out: &out)
    let ofBulk = circuits[circuit].batch.byteCount - before
    guard ofBulk > 0 else { return 0 }
    circuits[circuit].lastSent = now
    if wasEmpty, filled == 0 { beginProgress(of: circuit, at: now) }
    return ofBulk
  }

  /// Returns the time after which all is taken that a circuit may take from its bulk queue: what is bound to it by
  /// itself, and the rest by all together.
  private func bulkDrainTime(of circuit: CircuitIdentifier, _ lane: BulkLane, at now: Instant) -> Duration {
    circuits[circuit].rate.time(for: bulks[lane.queue].queue.boundBytes(to: lane.number), at: now)
      + drainTime(of: bulks[lane.queue].queue.sharedBytes, by: bulks[lane.queue].takers, at: now)
  }

  /// Returns how much longer a bulk queue may stand because one more circuit may soon take from it, as long as it has
  /// room: CUBIC needs ten seconds and more to make use of another circuit if it is told to slow down just then. Where
  /// ceilings hold, none is built.
  private func patience(of bulk: Int, at now: Instant) -> Duration {
    let memory = bulks[bulk].queue.memory
    let hasRoom = memory < min(bulks[bulk].memoryLimit, share(of: memory)) / 2
    return hasRoom && !sending.isActive && bulks[bulk].mayNeedCircuit(at: now) ? LaneGrowth.patience : .zero
  }

  private func note(_ losses: FlowQueue.Losses, out: inout Outbox) {
    out.counters[.queueAged] += UInt64(losses.aged)
    out.counters[.queueMarked] += UInt64(losses.marked)
  }

  /// Has another circuit take from a bulk queue, if this one takes no more now, and notes how full all of them are.
  private mutating func goOn(
    behind circuit: CircuitIdentifier, _ lane: BulkLane, out: inout Outbox, at now: Instant
  ) {
    let bulk = lane.queue
    guard bulks[bulk].takes(lane.number) else { return }
    if backpressure.cause == .bulk(bulk) { noteBacklog(of: .bulk(bulk), at: now) }
    let stands = !bulks[bulk].queue.isEmpty
    if bulks[bulk].queue.hasBoundAnother {
      bulks[bulk].queue.hasBoundAnother = false
      bulks[bulk].growth.begun()
    }
    let lacksCircuit =
      stands && bulks[bulk].takers.allSatisfy { isFull($0, at: now) } && bulks[bulk].queue.hasWorkForAnother
    bulks[bulk].growth.note(stands: stands, isFull: lacksCircuit, at: now)
    if stands, circuits[circuit].awaitsSocket { requestFlush(of: bulk, out: &out, at: now) }
  }

  /// Returns whether a circuit has more to send than it takes. One that waits for a ceiling could take more.
  private func isFull(_ circuit: CircuitIdentifier, at now: Instant) -> Bool {
    circuits[circuit].awaitsSocket && hasPackets(for: circuit) && !takesSoon(circuit, at: now)
  }

  private mutating func allowance(
    of circuit: CircuitIdentifier, _ account: Int, out: inout Outbox, at now: Instant
  ) -> (bytes: Int, packets: Int) {
    let share = sending.allowance(of: circuit, account, at: now)
    out.counters[.sendingLimited] = sending.waits
    // It is not the circuit that takes nothing, unless it was when it had its last turn.
    if share.bytes == 0 {
      if !circuits[circuit].isBlocked { circuits[circuit].lastProgress = now }
      if backpressure.cause == .circuit(circuit) { noteBacklog(of: .circuit(circuit), at: now) }
    }
    return share
  }
}
