/// Streams moves bytes and packets over circuits. It asks Tor for circuits, finds packets in what they bring, and lets
/// packets wait, fairly and for a short time, until a circuit takes them. It knows no peer: what a circuit is for, and what
/// a packet means, is its owner's to say.
///
/// The memory of all packets is bounded by `PacketStore`, and what cut packets hold of it by `CutPackets`.
struct Streams: ~Copyable {
  /// For how long one packet may occupy a circuit: a longer one is cut, so that others get their turn.
  static let frameTime = Duration.milliseconds(5)
  /// The length that a super-packet is cut to at most where it arrives, and that the segments in it have at least where
  /// it is sent: it does not tell how long they were. So no piece is longer than a segment that its sender made, and
  /// whoever has announced less, a host or a link behind the peer, is obeyed: that flow is cut here.
  static let superSegment = 1_500
  /// How much memory cut packets of all circuits of a daemon take together, in bytes.
  static let reassemblyLimit = 16 << 20
  /// By how much cut packets of a node can exceed their bound until a circuit is closed, in bytes: by one that turns out
  /// to be long, and is moved to a larger place.
  static let reassemblySlack = PacketStore.largeSize + PacketStore.smallSize
  /// How often memory that nobody needs is given back: out of step with keepalives, or a circuit that is kept would never
  /// be found quiet.
  static let tidyingInterval = Duration.seconds(50)

  /// The circuits, and what waits on them.
  var queues: SendQueues
  private(set) var cutPackets: CutPackets {
    didSet { queues.reserve = max(0, reassemblyBytes + Streams.reassemblySlack - cutPackets.memory) }
  }
  // By the circuit's slot: until when Tor may take to grant it.
  private var deadlines = DeadlineQueue()
  private var nextTidying = Instant.distantFuture
  private let reassemblyBytes: Int

  /// No circuit, and so much memory for packets, of which cut packets may take a part.
  init(packetBytes: Int, reassemblyBytes: Int) {
    queues = SendQueues(packetBytes: packetBytes, reserve: reassemblyBytes + Streams.reassemblySlack)
    cutPackets = CutPackets(limit: reassemblyBytes)
    self.reassemblyBytes = reassemblyBytes
  }

  #if DEBUG
    /// Lets a test put streams into a state that is reached only slowly.
    mutating func prepare(_ body: (inout CircuitTable, inout PacketStore) -> Void) {
      body(&queues.circuits, &queues.store)
    }
  #endif

  // MARK: - Circuits

  /// The circuit that the device waits for; `nil` for none.
  var backpressureCircuit: CircuitIdentifier? { queues.backpressure.circuit }
  /// The flows that change their circuit.
  var migrations: FlowMigrations { queues.migrations }
  /// How many bytes of the store what waits to be sent leaves to what comes in.
  var reassemblyReserve: Int { queues.reserve }
  /// The number of times that were asked for.
  var deadlineCount: Int { deadlines.count + queues.deadlines.count }
  /// The circuits, to be read.
  var circuits: CircuitTable { _read { yield queues.circuits } }
  /// Where packets lie, to be read.
  var store: PacketStore { _read { yield queues.store } }
  /// The number of circuits.
  var count: Int { queues.circuits.count }

  /// Whether the circuit is still there.
  func contains(_ circuit: CircuitIdentifier) -> Bool { queues.circuits.contains(circuit) }

  /// The circuit, to be read. It must be there.
  subscript(circuit: CircuitIdentifier) -> Circuit {
    unsafeAddress { queues.circuits.address(of: circuit) }
  }

  /// Begins a circuit, which Tor may take `timeout` to grant.
  mutating func open(
    _ request: SOCKS4aRequest, for service: CircuitService, timeout: Duration, out: inout Outbox, at now: Instant
  ) -> CircuitIdentifier {
    let circuit = queues.circuits.insert(Circuit(.connecting(request), service, timeout: timeout, at: now))
    deadlines.ask(circuit.slot, at: now + timeout)
    out.perform(.dial(circuit))
    return circuit
  }

  /// Takes in a circuit that somebody else began.
  mutating func accept(at now: Instant) -> CircuitIdentifier {
    queues.circuits.insert(Circuit(.accepted, .sparse, timeout: .zero, at: now))
  }

  /// The SOCKS server took the connection of this circuit: it is asked for the onion service.
  mutating func connected(_ circuit: CircuitIdentifier, out: inout Outbox) {
    guard contains(circuit), case .connecting(let request) = queues.circuits[circuit].state else { return }
    queues.circuits[circuit].state = .requested(SOCKS4aReply())
    queues.circuits[circuit].preamble = request.bytes
    queues.requestFlush(circuit, out: &out)
  }

  /// Uses a circuit that Tor has granted: `greeting` goes before anything else.
  mutating func use(_ circuit: CircuitIdentifier, greeting: [UInt8], out: inout Outbox, at now: Instant) {
    deadlines.cancel(circuit.slot)
    queues.circuits[circuit].opens(with: greeting, at: now)
    queues.requestFlush(circuit, out: &out)
  }

  /// Sets how much a circuit is worth to its owner.
  mutating func rank(_ circuit: CircuitIdentifier, as standing: Standing) {
    queues.circuits[circuit].standing = standing
  }

  /// Says when something was last sent on a circuit that counts: what was sent since is not what it is kept for.
  mutating func noteSent(on circuit: CircuitIdentifier, at time: Instant) {
    queues.circuits[circuit].lastSent = time
  }

  /// Takes a circuit out. What waits on it is the caller's to give back.
  mutating func remove(_ identifier: CircuitIdentifier) -> Circuit? {
    guard var circuit = queues.remove(identifier) else { return nil }
    cutPackets.forget(identifier)
    deadlines.cancel(identifier.slot)
    circuit.defragmenter.abandon(store: &queues.store)
    return circuit
  }

  // MARK: - Time

  /// When `advance` has to be called next.
  var nextDeadline: Instant { min(queues.nextDeadline, deadlines.earliest, nextTidying) }

  /// Begins to give memory back from time to time.
  mutating func start(at now: Instant) {
    nextTidying = now + Streams.tidyingInterval
  }

  /// Does what is due. It returns a circuit that has lasted too long, and why: the caller closes it, and asks again.
  mutating func advance(to now: Instant, out: inout Outbox) -> (CircuitIdentifier, CircuitEnd)? {
    if nextTidying <= now { tidy(out: &out, at: now) }
    if let circuit = queues.advance(to: now, out: &out) {
      out.counters[.stalled] += 1
      return (circuit, .failure("the circuit took nothing for too long"))
    }
    while let slot = deadlines.popDue(at: now) {
      guard let circuit = queues.circuits.identifier(inSlot: slot), self[circuit].isBeingBuilt else { continue }
      return (circuit, .failure("Tor built no circuit in \(self[circuit].timeout.wholeSeconds) s"))
    }
    return nil
  }

  private mutating func tidy(out: inout Outbox, at now: Instant) {
    var areAllQuiet = true
    for circuit in queues.circuits.identifiers {
      if self[circuit].lastUsed + .seconds(5) <= now {
        queues.circuits[circuit].queue.releaseIfEmpty()
      } else {
        areAllQuiet = false
      }
    }
    if areAllQuiet { queues.store.releaseKept() }
    if queues.store.hasFreedMemory { out.perform(.trimMemory) }
    queues.store.hasFreedMemory = false
    nextTidying = now + Streams.tidyingInterval
  }

  // MARK: - Receiving

  /// Takes what a SOCKS server says off the front of `input`.
  mutating func takeReply(
    _ input: inout UnsafeMutableRawBufferPointer, on circuit: CircuitIdentifier
  ) -> Circuit.Reply { queues.circuits[circuit].takeReply(&input) }

  /// Begins to take packets out of what a circuit brought.
  mutating func beginReading(_ input: UnsafeMutableRawBufferPointer, on circuit: CircuitIdentifier) -> StreamReading {
    queues.circuits[circuit].traffic.received &+= UInt64(input.count)
    var reading = StreamReading(input, on: circuit)
    swap(&reading.defragmenter, &queues.circuits[circuit].defragmenter)
    return reading
  }

  /// Takes the next packet out, which is valid until `endReading`; `nil` if none is left, or the circuit is gone.
  mutating func next(_ reading: inout StreamReading, at now: Instant) -> UnsafeMutableRawBufferPointer? {
    guard contains(reading.circuit), let packet = reading.next(store: &queues.store) else { return nil }
    queues.circuits[reading.circuit].lastReceived = now
    return packet
  }

  /// Ends a reading. It returns what is wrong with the circuit, if anything is; the caller closes it.
  mutating func endReading(_ reading: consuming StreamReading, at now: Instant) -> StreamError? {
    let circuit = reading.circuit
    var reading = reading
    guard contains(circuit) else {
      reading.defragmenter.abandon(store: &queues.store)
      return nil
    }
    reading.defragmenter.finish(store: &queues.store)
    cutPackets.note(
      circuit, holds: reading.defragmenter.memory, loan: reading.defragmenter.loan, standing: self[circuit].standing,
      at: now)
    swap(&reading.defragmenter, &queues.circuits[circuit].defragmenter)
    if let failure = reading.failure { return failure }
    queues.circuits[circuit].coalescing.note(reading.sample, at: now)
    return nil
  }

  /// Returns a circuit that is to be closed since cut packets hold too much of the store.
  mutating func circuitInExcess(at now: Instant) -> CircuitIdentifier? {
    guard let circuit = cutPackets.circuitInExcess(at: now) else { return nil }
    cutPackets.forget(circuit)
    return circuit
  }
}
