/// Streams moves bytes and packets over circuits. It asks Tor for circuits, finds packets in what they bring, and lets
/// packets wait, fairly and for a short time, until a circuit takes them. It knows no peer: what a circuit is for, and what
/// a packet means, is its owner's to say.
///
/// The memory of all packets is bounded by `PacketStore`, what cut packets hold of it by `CutPackets`, and each queue by
/// its share of what is free. What finds no room is dropped and counted (`queueFull`).
struct Streams: ~Copyable {
  /// For how long a circuit may take no bytes while there are some to send.
  static let stallTimeout = Duration.seconds(60)
  /// For how long one packet may occupy a circuit: a longer one is cut, so that others get their turn.
  static let frameTime = Duration.milliseconds(5)
  /// The length that a super-packet is cut to at most where it arrives, and that the segments in it have at least where
  /// it is sent: it does not tell how long they were. So no piece is longer than a segment that its sender made, and
  /// whoever has announced less, a host or a link behind the peer, is obeyed: that flow is cut here.
  static let superSegment = 1_500
  /// How many segments of one super-packet are sent at most: as many as a queue holds, from which the next would drop the
  /// first.
  static let segmentLimit = FlowQueue.memoryLimit / PacketStore.smallSize
  /// How much memory cut packets of all circuits of a daemon take together, in bytes.
  static let reassemblyLimit = 16 << 20
  /// By how much cut packets of a node can exceed their bound until a circuit is closed, in bytes: by one that turns out
  /// to be long, and is moved to a larger place.
  static let reassemblySlack = PacketStore.largeSize + PacketStore.smallSize
  /// How often memory that nobody needs is given back: out of step with keepalives, or a circuit that is kept would never
  /// be found quiet.
  static let tidyingInterval = Duration.seconds(50)

  private(set) var circuits = CircuitTable()
  private(set) var store: PacketStore
  private(set) var cutPackets: CutPackets
  private(set) var migrations = FlowMigrations()
  private var backpressure = Backpressure()
  private(set) var deadlines = DeadlineQueue()
  private var nextTidying = Instant.distantFuture
  private let runs = WriteRuns()
  private let reassemblyBytes: Int

  /// No circuit, and so much memory for packets, of which cut packets may take a part.
  init(packetBytes: Int, reassemblyBytes: Int) {
    store = PacketStore(byteLimit: packetBytes)
    cutPackets = CutPackets(limit: reassemblyBytes)
    self.reassemblyBytes = reassemblyBytes
  }

  // MARK: - Circuits

  /// The circuit that the device waits for; `nil` for none.
  var congested: CircuitIdentifier? { backpressure.circuit }

  /// The number of circuits.
  var count: Int { circuits.count }

  /// Whether the circuit is still there.
  func contains(_ circuit: CircuitIdentifier) -> Bool { circuits.contains(circuit) }

  /// The circuit, to be read. It must be there.
  subscript(circuit: CircuitIdentifier) -> Circuit {
    unsafeAddress { circuits.address(of: circuit) }
  }

  /// Begins a circuit, which Tor may take `timeout` to grant.
  mutating func open(
    _ request: SOCKS4aRequest, for service: CircuitService, timeout: Duration, out: inout Outbox, at now: Instant
  ) -> CircuitIdentifier {
    let circuit = circuits.insert(Circuit(.connecting(request), service, timeout: timeout, at: now))
    deadlines.ask(circuit.slot, at: now + timeout)
    out.perform(.dial(circuit))
    return circuit
  }

  /// Takes in a circuit that somebody else began.
  mutating func accept(at now: Instant) -> CircuitIdentifier {
    circuits.insert(Circuit(.accepted, .sparse, timeout: .zero, at: now))
  }

  /// The SOCKS server took the connection of this circuit: it is asked for the onion service.
  mutating func connected(_ circuit: CircuitIdentifier, out: inout Outbox) {
    guard circuits.contains(circuit), case .connecting(let request) = circuits[circuit].state else { return }
    circuits[circuit].state = .requested(SOCKS4aReply())
    circuits[circuit].preamble = request.bytes
    requestFlush(circuit, out: &out)
  }

  /// Uses a circuit that Tor has granted: `greeting` goes before anything else.
  mutating func use(_ circuit: CircuitIdentifier, greeting: [UInt8], out: inout Outbox, at now: Instant) {
    circuits[circuit].state = .open
    circuits[circuit].preamble = greeting
    circuits[circuit].lastSent = now
    circuits[circuit].lastProgress = now
    requestFlush(circuit, out: &out)
  }

  /// Sets how much a circuit is worth to its owner.
  mutating func rank(_ circuit: CircuitIdentifier, as standing: Standing) {
    circuits[circuit].standing = standing
  }

  /// Lets a circuit for bulk carry sparse flows, too.
  mutating func promote(_ circuit: CircuitIdentifier, out: inout Outbox) {
    circuits[circuit].service = .sparse
    // What went along the circuit before does not arrive.
    if migrations.endAll(to: circuit, in: &circuits) { requestFlush(circuit, out: &out) }
  }

  /// Says that something is sent on a circuit, or that what was sent is not what it is kept for.
  mutating func noteSent(on circuit: CircuitIdentifier, at time: Instant) {
    circuits[circuit].lastSent = time
  }

  /// Takes a circuit out. What waits on it is the caller's to give back.
  mutating func remove(_ identifier: CircuitIdentifier) -> Circuit? {
    guard var circuit = circuits.remove(identifier) else { return nil }
    backpressure.end(identifier)
    if !migrations.isEmpty { migrations.forget(identifier) }
    cutPackets.forget(identifier)
    deadlines.cancel(identifier.slot)
    circuit.defragmenter.abandon(store: &store)
    return circuit
  }

  #if DEBUG
    /// Lets a test put streams into a state that is reached only slowly.
    mutating func prepare(_ body: (inout CircuitTable, inout PacketStore) -> Void) { body(&circuits, &store) }
  #endif

  // MARK: - Time

  /// When `advance` has to be called next.
  var nextDeadline: Instant {
    [deadlines.earliest, migrations.nextDeadline, backpressure.deadline].reduce(nextTidying) {
      min($0, $1 ?? .distantFuture)
    }
  }

  /// Begins to give memory back from time to time.
  mutating func start(at now: Instant) {
    nextTidying = now + Streams.tidyingInterval
  }

  /// Does what is due. It returns a circuit that has lasted too long, and why: the caller closes it, and asks again.
  mutating func advance(to now: Instant, out: inout Outbox) -> (CircuitIdentifier, CircuitEnd)? {
    while let circuit = migrations.endOverdue(in: &circuits, at: now) { requestFlush(circuit, out: &out) }
    if let circuit = backpressure.due(at: now) { noteBacklog(of: circuit, out: &out, at: now) }
    if nextTidying <= now { tidy(out: &out, at: now) }
    while let slot = deadlines.popDue(at: now) {
      guard let circuit = circuits.identifier(inSlot: slot) else { continue }
      let due: Instant
      switch circuits[circuit].state {
      case .connecting, .requested:
        due = circuits[circuit].began + circuits[circuit].timeout
        guard due > now else {
          return (circuit, .failure("Tor built no circuit in \(circuits[circuit].timeout.wholeSeconds) s"))
        }
      case .open:
        guard !circuits[circuit].queue.isEmpty else { continue }
        due = circuits[circuit].lastProgress + Streams.stallTimeout
        guard due > now else {
          out.counters[.stalled] += 1
          return (circuit, .failure("the circuit took nothing for too long"))
        }
      case .accepted: continue
      }
      deadlines.ask(slot, at: due)
    }
    return nil
  }

  private mutating func tidy(out: inout Outbox, at now: Instant) {
    var areAllQuiet = true
    for circuit in circuits.identifiers {
      if circuits[circuit].lastUsed + .seconds(5) <= now {
        circuits[circuit].queue.releaseIfEmpty()
      } else {
        areAllQuiet = false
      }
    }
    if areAllQuiet { store.releaseKept() }
    if store.hasFreedMemory { out.perform(.trimMemory) }
    store.hasFreedMemory = false
    nextTidying = now + Streams.tidyingInterval
  }

  // MARK: - Receiving

  /// What a SOCKS server has said of a circuit.
  enum Reply {
    /// Nothing: packets come.
    case none
    /// Not all of it yet.
    case incomplete
    /// The circuit stands.
    case granted
    /// It does not, or this is no SOCKS server.
    case refused(String)
  }

  /// Takes what a SOCKS server says off the front of `input`.
  mutating func takeReply(_ input: inout UnsafeMutableRawBufferPointer, on circuit: CircuitIdentifier) -> Reply {
    guard case .requested(var reply) = circuits[circuit].state else { return .none }
    var rest = UnsafeRawBufferPointer(input)
    do {
      guard try reply.consume(&rest) else {
        circuits[circuit].state = .requested(reply)
        return .incomplete
      }
      // What is left of the request would go out behind the first packet, or never: nobody knows what was granted.
      guard circuits[circuit].preamble.isEmpty else { throw SOCKSError.early }
    } catch {
      return .refused("\(error)")
    }
    input = UnsafeMutableRawBufferPointer(rebasing: input.suffix(rest.count))
    return .granted
  }

  /// Begins to take packets out of what a circuit brought.
  mutating func beginReading(_ input: UnsafeMutableRawBufferPointer, on circuit: CircuitIdentifier) -> StreamReading {
    circuits[circuit].traffic.received &+= UInt64(input.count)
    var reading = StreamReading(input, on: circuit)
    swap(&reading.defragmenter, &circuits[circuit].defragmenter)
    return reading
  }

  /// Takes the next packet out, which is valid until `endReading`; `nil` if none is left, or the circuit is gone.
  mutating func next(_ reading: inout StreamReading, at now: Instant) -> UnsafeMutableRawBufferPointer? {
    guard circuits.contains(reading.circuit) else { return nil }
    do throws(StreamError) {
      guard let packet = try reading.defragmenter.next(&reading.input, store: &store) else { return nil }
      circuits[reading.circuit].lastReceived = now
      reading.hasBroughtPacket = true
      return packet
    } catch {
      reading.failure = error
      return nil
    }
  }

  /// Ends a reading. It returns what is wrong with the circuit, if anything is; the caller closes it.
  mutating func endReading(_ reading: consuming StreamReading, at now: Instant) -> StreamError? {
    let circuit = reading.circuit
    var reading = reading
    guard circuits.contains(circuit) else {
      reading.defragmenter.abandon(store: &store)
      return nil
    }
    reading.defragmenter.finish(store: &store)
    cutPackets.note(
      circuit, holds: reading.defragmenter.memory, loan: reading.defragmenter.loan,
      standing: circuits[circuit].standing, at: now)
    swap(&reading.defragmenter, &circuits[circuit].defragmenter)
    if let failure = reading.failure { return failure }
    circuits[circuit].coalescing.note(reading.sample, at: now)
    return nil
  }

  /// Returns a circuit that is to be closed since cut packets hold too much of the store.
  mutating func circuitInExcess(at now: Instant) -> CircuitIdentifier? {
    guard let circuit = cutPackets.circuitInExcess(at: now) else { return nil }
    cutPackets.forget(circuit)
    return circuit
  }

  /// Takes note of a packet that was delivered: it may end a flow's migration.
  mutating func noteDelivered(_ packet: PacketView, out: inout Outbox) {
    guard !migrations.isEmpty, let circuit = migrations.end(byAnswer: packet, in: &circuits) else { return }
    requestFlush(circuit, out: &out)
  }

  // MARK: - Sending

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
    while count < Streams.segmentLimit, let length = splitter.nextLength {
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
    guard let slot = store.lend(length, leaving: reassemblyReserve) else {
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
  private mutating func put(
    _ slot: PacketStore.Slot, _ flow: UInt32, on circuit: CircuitIdentifier, out: inout Outbox, at now: Instant
  ) {
    if circuits[circuit].queue.isEmpty {
      circuits[circuit].lastProgress = now
      deadlines.ask(circuit.slot, at: now + Streams.stallTimeout)
    }
    let limit = share(of: circuits[circuit].queue.memory + store.size(of: slot))
    let dropped = circuits[circuit].queue.append(slot, flow: flow, limit: limit, at: now, store: &store)
    out.counters[.queueFull] += UInt64(dropped)
    noteBacklog(of: circuit, out: &out, at: now)
    requestFlush(circuit, out: &out)
  }

  /// How much of the store a queue may be lent that is lent so many bytes of it, in bytes: as much as it leaves free. So no
  /// one queue fills the store, and whoever comes finds room, however many there are.
  private func share(of memory: Int) -> Int { (memory + store.bytesFree(leaving: reassemblyReserve)) / 2 }

  /// How many bytes of the store what waits to be sent leaves to what comes in: a cut packet without room ends its
  /// circuit.
  var reassemblyReserve: Int { max(0, reassemblyBytes + Streams.reassemblySlack - cutPackets.memory) }

  private mutating func requestFlush(_ circuit: CircuitIdentifier, out: inout Outbox) {
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

  // MARK: - Flows that change their circuit

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

  /// Takes out the first of some waiting packets, which is the caller's to give back; `nil` if there is none.
  mutating func takeFirst(of waiting: inout PacketQueue) -> PacketStore.Slot? { waiting.popFirst(store) }

  /// The packet that lies in a slot.
  func packet(in slot: PacketStore.Slot) -> PacketView? { PacketView(store.room(slot)) }

  /// Drops a packet that was taken out.
  mutating func takeBack(_ slot: PacketStore.Slot) {
    store.takeBack(slot)
  }
}
