/// Send queues hold the circuits, the packets that wait for them, and the store that these packets lie in. They cut
/// packets, queue them, and hand them to whoever writes. They also keep what concerns several circuits: the bulk
/// queues, and what the device waits for.
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
  /// The bulk queues of peers.
  var bulks = Slots<BulkQueue>()
  /// The ceilings of what goes to circuits.
  var sending = RateGate()
  /// The greatest rate of any circuit in bytes per second; `nil` for any.
  private(set) var ceiling: Double?
  /// What the device waits for.
  var backpressure = Backpressure()
  /// The number of bytes of the store that packets to be sent leave to packets that come in, because a cut packet
  /// without room ends its circuit.
  var reserve: Int
  // By the circuit's slot: the time at which it has taken nothing for too long.
  var deadlines = DeadlineQueue()
  // By the bulk queue's number: the time at which other circuits are asked to take what a fast one should have.
  var bulkDeadlines = DeadlineQueue()
  let runs = WriteRuns()

  /// Makes queues without circuits, with `packetBytes` bytes for packets, of which `reserve` are left to packets that
  /// come in.
  init(packetBytes: Int, reserve: Int) {
    store = PacketStore(byteLimit: packetBytes)
    self.reserve = reserve
  }

  /// Removes a circuit and returns it; `nil` if it is gone already. The caller gives its packets back to the store.
  mutating func remove(_ identifier: CircuitIdentifier) -> Circuit? {
    let wasIdle = circuits.contains(identifier) && !hasPackets(for: identifier)
    guard let circuit = circuits.remove(identifier) else { return nil }
    if let lane = circuit.bulk { bulks[lane.queue].leave(identifier, lane.number, wasIdle: wasIdle) }
    backpressure.end(.circuit(identifier))
    sending.forget(identifier)
    deadlines.cancel(identifier.slot)
    return circuit
  }

  // MARK: - Time

  /// The time at which `advance` has to be called next.
  var nextDeadline: Instant {
    min(deadlines.earliest, bulkDeadlines.earliest, backpressure.deadline, sending.nextDeadline)
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
    if let cause = backpressure.due(at: now) { noteBacklog(of: cause, at: now) }
    while let bulk = bulkDeadlines.popDue(at: now) {
      if !bulks[bulk].queue.isEmpty { requestFlush(of: bulk, out: &out, at: now) }
    }
    while let slot = deadlines.popDue(at: now) {
      guard let circuit = circuits.identifier(inSlot: slot), isStuck(circuit) else { continue }
      let due = circuits[circuit].lastProgress + SendQueues.stallTimeout
      guard due > now else { return circuit }
      deadlines.schedule(slot, at: due)
    }
    return nil
  }

  /// Returns whether a circuit has something to send, and does not take it.
  private func isStuck(_ circuit: CircuitIdentifier) -> Bool {
    !circuits[circuit].isEmpty || circuits[circuit].awaitsSocket && hasPackets(for: circuit)
  }

  // MARK: - The device

  /// Finds out whether so much waits that the device has to.
  mutating func noteBacklog(of cause: Backpressure.Cause, at now: Instant) {
    if isWorthWaiting(for: cause, at: now) {
      backpressure.begin(cause, at: now)
    } else {
      backpressure.end(cause)
    }
  }

  /// Returns whether much waits, and all of it is taken soon.
  private func isWorthWaiting(for cause: Backpressure.Cause, at now: Instant) -> Bool {
    switch cause {
    case .circuit(let circuit):
      Backpressure.isPassed(by: circuits[circuit].waitingBytes, memory: circuits[circuit].queue.memory)
        && isTaking(circuit, at: now)
        && circuits[circuit].rate.time(for: circuits[circuit].waitingBytes, at: now) < Backpressure.fastDrain
    case .bulk(let bulk):
      Backpressure.isPassed(by: bulks[bulk].queue.byteCount, memory: bulks[bulk].queue.memory)
        && isTakenSoon(bulk, at: now)
    }
  }

  /// Returns whether a circuit has taken something lately, or would have. One that waits for a ceiling would not: all
  /// others' packets would wait with it for its turn.
  private func isTaking(_ circuit: CircuitIdentifier, at now: Instant) -> Bool {
    guard !sending.isActive || !sending.holds(circuit) else { return false }
    return !circuits[circuit].isBlocked || now - circuits[circuit].lastProgress < Backpressure.patience
  }

  /// Returns whether all that waits in a bulk queue is taken soon. A circuit that has nothing to take helps nobody: of
  /// what is bound to one, the others take nothing.
  private func isTakenSoon(_ bulk: Int, at now: Instant) -> Bool {
    let shared = bulks[bulk].queue.sharedBytes
    var isSharedTaken = shared == 0
    for circuit in bulks[bulk].takers {
      let bound = bulks[bulk].queue.boundBytes(to: circuits[circuit].bulk?.number ?? 0)
      let isTaking = isTaking(circuit, at: now)
      guard bound == 0 || isTaking && circuits[circuit].rate.time(for: bound, at: now) < Backpressure.fastDrain else {
        return false
      }
      isSharedTaken = isSharedTaken || isTaking
    }
    return isSharedTaken && drainTime(of: shared, by: bulks[bulk].takers, at: now) < Backpressure.fastDrain
  }

  /// Returns the bytes per second that circuits take together; infinite if one of them takes everything.
  func rate(of takers: [CircuitIdentifier], at now: Instant) -> Double {
    takers.reduce(0) { $0 + (circuits[$1].rate.bytesPerSecond(at: now) ?? .infinity) }
  }

  /// Returns the time that circuits need for so many bytes together; zero if one of them takes everything.
  func drainTime(of bytes: Int, by takers: [CircuitIdentifier], at now: Instant) -> Duration {
    .seconds(Double(bytes) / max(rate(of: takers, at: now), 1))
  }

  // MARK: - Writing

  /// Asks the shell to write to the circuit, unless it was asked already, or does so as soon as the socket takes
  /// something.
  mutating func requestFlush(_ circuit: CircuitIdentifier, out: inout Outbox) {
    guard !circuits[circuit].isFlushRequested, !circuits[circuit].awaitsSocket else { return }
    circuits[circuit].isFlushRequested = true
    out.perform(.flush(circuit))
  }
}
