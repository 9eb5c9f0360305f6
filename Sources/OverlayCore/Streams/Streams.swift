/// Streams moves bytes and packets over circuits. It asks Tor for circuits, finds packets in the bytes that they bring,
/// and queues packets, fairly and for a short time, until a circuit takes them. It knows no peer: its owner decides
/// what a circuit is for and what a packet means.
///
/// `PacketStore` bounds the memory of all packets, and `CutPackets` the part of it that cut packets take.
struct Streams: ~Copyable {
  /// The interval at which unused memory is given back. It is out of step with keepalives, or a circuit that is kept
  /// alive would never be found quiet.
  static let tidyingInterval = Duration.seconds(50)

  /// The time in which a packet that has begun to come has to be whole: longer than the lulls of a Tor circuit.
  static let packetTimeout = Duration.seconds(60)

  /// The circuits, and the packets that wait on each to be sent.
  var queues: SendQueues
  /// The ceilings of what circuits bring.
  var receiving = RateGate()
  /// The order of what circuits bring.
  var order: Resequencer
  private(set) var cutPackets: CutPackets {
    didSet { queues.reserve = max(0, reassemblyBytes + CutPackets.slack - cutPackets.memory) }
  }
  // By the circuit's slot: the time until which Tor may take to grant it, or a packet that has begun to be whole.
  private var deadlines = DeadlineQueue()
  private var nextTidying = Instant.distantFuture
  private let reassemblyBytes: Int
  // The bytes that went over circuits that are gone.
  private var pastTraffic = Traffic()

  /// Makes streams without circuits, with `packetBytes` bytes for packets, of which cut packets may take
  /// `reassemblyBytes`, and packets that wait for earlier ones of their flow `orderBytes`. `seed` is random and
  /// nobody else's.
  init(packetBytes: Int, reassemblyBytes: Int, orderBytes: Int, seed: UInt64) {
    order = Resequencer(memoryLimit: orderBytes, seed: seed)
    queues = SendQueues(packetBytes: packetBytes, reserve: reassemblyBytes + CutPackets.slack)
    cutPackets = CutPackets(limit: reassemblyBytes)
    self.reassemblyBytes = reassemblyBytes
  }

  #if DEBUG
    /// Lets a test put the streams into a state that would take long to reach.
    mutating func prepare(_ body: (inout CircuitTable, inout PacketStore) -> Void) {
      body(&queues.circuits, &queues.store)
    }
  #endif

  // MARK: - Circuits

  /// Whether packets should stay in the device for now.
  var hasBackpressure: Bool { queues.backpressure.cause != nil }
  /// The number of bytes of the store that packets to be sent leave to packets that come in.
  var reassemblyReserve: Int { queues.reserve }
  /// The number of deadlines that are scheduled, for tests.
  var deadlineCount: Int { deadlines.count + queues.deadlines.count }
  /// The circuits, for reading.
  var circuits: CircuitTable { _read { yield queues.circuits } }
  /// The memory of the packets, for reading.
  var store: PacketStore { _read { yield queues.store } }
  /// The number of circuits.
  var count: Int { queues.circuits.count }

  /// The bytes that went over all circuits, those that are gone included. It looks at every circuit.
  var traffic: Traffic {
    var traffic = pastTraffic
    for circuit in circuits.identifiers { traffic.add(circuits[circuit].traffic) }
    return traffic
  }

  /// The number of circuits by what they are. Questions to Tor are none. It looks at every circuit.
  var census: CircuitCensus {
    var census = CircuitCensus()
    for circuit in circuits.identifiers {
      switch circuits[circuit].state {
      case .connecting, .requested: census.dialling += 1
      case .open: census.open += 1
      case .announced, .accepted: census.accepted += 1
      case .connectingToAsk, .asking: break
      }
    }
    return census
  }

  /// Returns whether the circuit is still there.
  func contains(_ circuit: CircuitIdentifier) -> Bool { queues.circuits.contains(circuit) }

  /// The circuit, for reading. It must be there.
  subscript(circuit: CircuitIdentifier) -> Circuit {
    unsafeAddress { queues.circuits.address(of: circuit) }
  }

  /// Dials a circuit, and returns its identifier. `timeout` is the time that Tor may take to grant it.
  mutating func open(
    _ request: SOCKS4aRequest, timeout: Duration, out: inout Outbox, at now: Instant
  ) -> CircuitIdentifier {
    let circuit = queues.circuits.insert(Circuit(.connecting(request), timeout: timeout, at: now))
    queues.circuits[circuit].rate.ceiling = queues.ceiling
    deadlines.schedule(circuit.slot, at: now + timeout)
    out.perform(.dial(circuit))
    return circuit
  }

  /// Asks the SOCKS server why it refused a circuit, on a connection of its own that never carries a packet, and
  /// returns its identifier. `timeout` is the time that the answer may take.
  mutating func ask(
    _ question: SOCKS5Question, timeout: Duration, out: inout Outbox, at now: Instant
  ) -> CircuitIdentifier {
    let circuit = queues.circuits.insert(Circuit(.connectingToAsk(question), timeout: timeout, at: now))
    deadlines.schedule(circuit.slot, at: now + timeout)
    out.perform(.dial(circuit))
    return circuit
  }

  /// Lets Tor take `timeout`, from when it was asked on, to grant a circuit that is still being built.
  mutating func allow(_ circuit: CircuitIdentifier, _ timeout: Duration) {
    guard self[circuit].isBeingBuilt else { return }
    queues.circuits[circuit].timeout = timeout
    deadlines.cancel(circuit.slot)
    deadlines.schedule(circuit.slot, at: self[circuit].began + timeout)
  }

  /// Adds a circuit that somebody else dialled at that time, and returns its identifier. `isAnnounced` says that a line
  /// of Tor about it comes first.
  mutating func accept(isAnnounced: Bool, at now: Instant) -> CircuitIdentifier {
    let state: Circuit.State = isAnnounced ? .announced(TorCircuitLineReader()) : .accepted
    return queues.circuits.insert(Circuit(state, timeout: .zero, at: now))
  }

  /// Asks the SOCKS server for the onion service, because it has taken the connection of this circuit.
  mutating func connected(_ circuit: CircuitIdentifier, out: inout Outbox) {
    guard contains(circuit) else { return }
    switch queues.circuits[circuit].state {
    case .connecting(let request):
      queues.circuits[circuit].state = .requested(SOCKS4aReply())
      queues.circuits[circuit].preamble = request.bytes
    case .connectingToAsk(let question):
      queues.circuits[circuit].state = .asking(question)
      queues.circuits[circuit].preamble = question.greeting
    case .requested, .asking, .open, .announced, .accepted: return
    }
    queues.requestFlush(circuit, out: &out)
  }

  /// Opens a circuit that Tor has granted. `greeting` goes out before anything else.
  mutating func use(_ circuit: CircuitIdentifier, greeting: [UInt8], out: inout Outbox, at now: Instant) {
    deadlines.cancel(circuit.slot)
    queues.circuits[circuit].opens(with: greeting, at: now)
    out.perform(.limitUnsent(circuit, Circuit.firstUnsent))
    queues.requestFlush(circuit, out: &out)
  }

  /// Sets the standing of a circuit.
  mutating func rank(_ circuit: CircuitIdentifier, as standing: Standing) {
    queues.circuits[circuit].standing = standing
  }

  /// Sets back the time at which a packet was last sent on a circuit, because packets since then do not count as use.
  mutating func noteSent(on circuit: CircuitIdentifier, at time: Instant) {
    queues.circuits[circuit].lastSent = time
  }

  /// Removes a circuit and returns it; `nil` if it is gone already. The caller gives its packets back to the store.
  mutating func remove(_ identifier: CircuitIdentifier) -> Circuit? {
    guard var circuit = queues.remove(identifier) else { return nil }
    cutPackets.forget(identifier)
    order.forget(identifier)
    receiving.forget(identifier)
    deadlines.cancel(identifier.slot)
    circuit.defragmenter.abandon(store: &queues.store)
    pastTraffic.add(circuit.traffic)
    return circuit
  }

  // MARK: - Time

  /// The time at which `advance` has to be called next.
  var nextDeadline: Instant {
    min(queues.nextDeadline, deadlines.earliest, min(nextTidying, receiving.nextDeadline, order.nextDeadline))
  }

  /// Schedules the first time at which unused memory is given back.
  mutating func start(at now: Instant) {
    nextTidying = now + Streams.tidyingInterval
  }

  /// Does what is due. It returns a circuit that has to be closed, and why; the caller closes it and calls again.
  mutating func advance(to now: Instant, out: inout Outbox) -> (CircuitIdentifier, CircuitEnd)? {
    if nextTidying <= now { tidy(out: &out, at: now) }
    order.advance(to: now, store: &queues.store, out: &out)
    while let circuit = receiving.next(at: now) {
      queues.circuits[circuit].partialPacket.goesOn(at: now)
      out.perform(.read(circuit))
    }
    if let circuit = queues.advance(to: now, out: &out) {
      out.counters[.stalled] += 1
      return (circuit, .failure("the circuit took nothing for too long"))
    }
    while let slot = deadlines.popDue(at: now) {
      guard let circuit = queues.circuits.identifier(inSlot: slot) else { continue }
      guard self[circuit].isBeingBuilt else {
        guard let began = self[circuit].partialPacket.began else { continue }
        let isHeldBack = self[circuit].partialPacket.isHeldBack
        if isHeldBack || began + Streams.packetTimeout > now {
          deadlines.schedule(slot, at: isHeldBack ? now + .seconds(1) : began + Streams.packetTimeout)
          continue
        }
        out.counters[.packetTimeout] += 1
        return (circuit, .failure("a packet that had begun was not whole in time"))
      }
      if case .asking(let question) = self[circuit].state, question.isGranted {
        return (circuit, .failure("the service has said nothing"))
      }
      return (circuit, .notBuilt(.silence(self[circuit].timeout)))
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
    for bulk in queues.bulks.indices
    where queues.bulks[bulk].takers.allSatisfy({ self[$0].lastUsed + .seconds(5) <= now }) {
      queues.bulks[bulk].queue.releaseIfEmpty()
    }
    if areAllQuiet { queues.store.releaseKept() }
    if queues.store.hasFreedMemory { out.perform(.trimMemory) }
    queues.store.hasFreedMemory = false
    nextTidying = now + Streams.tidyingInterval
  }

  // MARK: - What comes in

  /// Takes what Tor says of the circuit off the front of `input`.
  mutating func takeReply(
    _ input: inout UnsafeMutableRawBufferPointer, on circuit: CircuitIdentifier, out: inout Outbox
  ) -> Circuit.Reply {
    let reply = queues.circuits[circuit].takeReply(&input)
    if case .next = reply { queues.requestFlush(circuit, out: &out) }
    return reply
  }

  /// Begins to take packets out of the bytes that a circuit brought.
  mutating func beginReading(
    _ input: UnsafeMutableRawBufferPointer, on circuit: CircuitIdentifier, at now: Instant
  ) -> StreamReading {
    let isGreeting = self[circuit].greetingRoom > 0
    queues.circuits[circuit].meter.received(input.count, at: now)
    var reading = StreamReading(input, on: circuit, isGreeting: isGreeting)
    swap(&reading.defragmenter, &queues.circuits[circuit].defragmenter)
    return reading
  }

  /// Returns the next packet, which is valid until `endReading`; `nil` if none is left, or if the circuit is gone.
  mutating func next(_ reading: inout StreamReading, at now: Instant) -> UnsafeMutableRawBufferPointer? {
    guard contains(reading.circuit), let packet = reading.next(store: &queues.store) else { return nil }
    queues.circuits[reading.circuit].lastReceived = now
    queues.circuits[reading.circuit].hasBroughtPacket = true
    return packet
  }

  /// Ends a reading of a circuit of the peer with this account. It returns what is wrong with the circuit's bytes, if
  /// anything is; the caller closes the circuit then.
  mutating func endReading(_ reading: consuming StreamReading, _ account: Int, at now: Instant) -> StreamError? {
    let circuit = reading.circuit
    var reading = reading
    if receiving.isActive, !reading.isGreeting {
      receiving.pass(circuit, account, bytes: reading.byteCount, packets: reading.packetCount, at: now)
    }
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
    let isWithin = self[circuit].defragmenter.isWithinPacket
    if queues.circuits[circuit].partialPacket.noteRead(
      of: reading.byteCount, isNewPacket: reading.hasBroughtPacket, isWithin: isWithin, at: now)
    {
      deadlines.schedule(circuit.slot, at: now + Streams.packetTimeout)
    }
    queues.circuits[circuit].coalescing.note(reading.sample, at: now)
    return nil
  }

  /// Returns a circuit that has to be closed because cut packets hold too much of the store.
  mutating func circuitInExcess(at now: Instant) -> CircuitIdentifier? {
    guard let circuit = cutPackets.circuitInExcess(at: now) else { return nil }
    cutPackets.forget(circuit)
    return circuit
  }
}
