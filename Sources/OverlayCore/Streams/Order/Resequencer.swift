/// A resequencer restores the order of TCP flows that peers spread over several circuits: what a circuit brings ahead
/// of what another still has to bring waits, so that the kernel does not take it for a sign of loss. Nothing in a
/// packet tells that a flow is spread; its sequence numbers tell what is missing.
///
/// A gap is given up as soon as every circuit of the flow has brought something that was sent later, because what was
/// dropped before it was sent never comes, and the kernel's own recovery begins with what comes behind the gap. A
/// circuit belongs to the flow until it has brought nothing of it for a second, or of `flowMemory` bytes; so long a
/// drop may stay unseen where the flow has just left a circuit. No packet waits for longer than `patience`. A flow
/// holds at most half of what is free, and `flowMemory` bytes; all of them hold at most `memoryLimit`, and those of
/// strangers at most three quarters of that; the rest is reserved for peers that the operator knows. Past a bound the
/// flow that has waited for longest gives its first gaps up, one of a stranger before others.
struct Resequencer: ~Copyable {
  /// When a packet is to be delivered.
  enum Turn {
    /// Now, before what comes from `takeReleased`.
    case now
    /// Now, behind what comes from `takeReleased`.
    case afterReleased
    /// Later: a copy of it waits, or comes from `takeReleased` already.
    case later
  }

  /// The longest time that a packet waits.
  static let patience = Duration.seconds(1)
  /// The most memory of the store that the packets of one flow take, in bytes: at 100 Mbit/s what comes in 0.25 s.
  static let flowMemory = 4 << 20
  /// So much of it a flow always has.
  private static let leastFlowMemory = 1 << 20
  /// The most memory that those of all flows of a daemon take, in bytes.
  static let memoryLimit = 16 << 20
  /// How far a packet may be ahead of those before it, or behind, in bytes. Farther is another flow of the same ports.
  private static let reach = 16 << 20
  /// With each packet the place of one that waits may be looked for among so many more.
  static let steps = 64
  /// It is looked for among so many at the most.
  static let mostSteps = 4_096
  /// The number of packets that a flow lets go at once where too much waits.
  private static let yielded = 64

  private var flows: SpreadFlows
  // By the number of the flow: when its packet that waits for longest has waited for long enough, or earlier.
  private var deadlines = DeadlineQueue()
  // The same of the flows of strangers.
  private var strangersDeadlines = DeadlineQueue()
  private var released = HeldPackets()
  private var delivered = HeldPackets()
  private let memoryLimit: Int

  /// The memory of the store that waiting packets take, in bytes.
  private(set) var memory = 0
  // The part of it that packets of strangers take.
  private var strangersMemory = 0
  /// The longest time that a packet has waited.
  private(set) var longestHold = Duration.zero

  /// Makes a resequencer that holds at most `memoryLimit` bytes. `seed` is random and nobody else's.
  init(memoryLimit: Int, seed: UInt64) {
    self.memoryLimit = memoryLimit
    flows = SpreadFlows(seed: seed)
  }

  /// Takes a packet that a circuit of this standing brought, and returns when it is to be delivered. A packet that
  /// waits leaves `reserve` bytes of the store free.
  mutating func turn(
    of packet: PacketView, on circuit: CircuitIdentifier, _ standing: Standing, store: inout PacketStore,
    leaving reserve: Int, out: inout Outbox, at now: Instant
  ) -> Turn {
    guard let span = SequenceSpan(packet) else { return .now }
    let key = SpreadFlow.Key(packet, tcp: span.header)
    guard let (flow, isKnown) = flows.find(key, of: standing, hash: packet.flow, at: now) else { return .now }
    guard isKnown else {
      releaseAll(of: flow, store: &store, out: &out, at: now)
      flows[flow] = SpreadFlow(key, of: standing, at: now)
      return begin(flow, with: span, on: circuit, at: now)
    }
    let ahead = SequenceSpan.distance(from: flows[flow].next, to: span.start)
    flows[flow].lastSeen = now
    // A beginning that is behind came late, or twice.
    guard abs(ahead) <= Resequencer.reach, !span.beginsFlow || ahead <= 0 else {
      releaseAll(of: flow, store: &store, out: &out, at: now)
      flows[flow].markCount = 0
      return begin(flow, with: span, on: circuit, at: now)
    }
    flows.mark(flow, circuit, end: span.end, at: now)
    flows[flow].steps = min(flows[flow].steps + Resequencer.steps, Resequencer.mostSteps)
    let isWaitedFor = !flows[flow].held.isEmpty
    let isLate = isWaitedFor && wasSentAgain(packet, span, flow, store)
    if ahead > 0 {
      // If nobody has to bring what is missing, nobody waits.
      if !isLate, isWaitedFor || !flows.haveAllPassed(flows[flow].next, flow, at: now),
        hold(packet, span, flow, on: circuit, store: &store, leaving: reserve, out: &out, at: now)
      {
        return .later
      }
    } else if !isLate {
      pass(span, flow)
      if isWaitedFor { settle(flow, store: &store, out: &out, at: now) }
      return .now
    }
    releaseAll(of: flow, store: &store, out: &out, at: now)
    pass(span, flow)
    return .afterReleased
  }

  /// Notes that a circuit is gone: what it has not brought is not waited for.
  mutating func forget(_ circuit: CircuitIdentifier) {
    for flow in flows.indices where flows.forget(circuit, of: flow) && !flows[flow].held.isEmpty {
      schedule(flow, at: Instant(nanoseconds: 0))
    }
  }

  /// Removes the next packet that may be delivered, and returns it; `nil` if there is none. It stays until `giveBack`.
  mutating func takeReleased(store: inout PacketStore) -> PacketStore.Slot? {
    guard let slot = released.popFirst(store) else { return nil }
    delivered.append(slot, store: &store)
    return slot
  }

  /// Gives the memory of the delivered packets back.
  mutating func giveBack(to store: inout PacketStore) {
    while let slot = delivered.popFirst(store) { store.takeBack(slot) }
  }

  // MARK: - Time

  /// The time at which `advance` has to be called next.
  var nextDeadline: Instant { min(deadlines.earliest, strangersDeadlines.earliest) }

  /// Lets go what has waited for long enough.
  mutating func advance(to now: Instant, store: inout PacketStore, out: inout Outbox) {
    while let flow = deadlines.popDue(at: now) ?? strangersDeadlines.popDue(at: now) {
      for _ in 0..<flows[flow].held.overdueCount(after: Resequencer.patience, store, at: now) {
        releaseFirst(of: flow, store: &store, out: &out, at: now)
      }
      settle(flow, store: &store, out: &out, at: now)
      schedule(flow, store)
    }
  }

  // MARK: - One flow

  private mutating func begin(
    _ flow: Int, with span: SequenceSpan, on circuit: CircuitIdentifier, at now: Instant
  ) -> Turn {
    flows[flow].next = span.end
    flows.mark(flow, circuit, end: span.end, at: now)
    return .afterReleased
  }

  /// Notes that a packet is delivered.
  private mutating func pass(_ span: SequenceSpan, _ flow: Int) {
    if SequenceSpan.distance(from: flows[flow].next, to: span.end) > 0 { flows[flow].next = span.end }
  }

  /// Returns whether a packet was sent later than one that waits and stands behind it: it is sent a second time. A
  /// kernel that has seen its clock drops what tells an earlier one (PAWS, RFC 7323 section 5), so what waits has to
  /// come first.
  private mutating func wasSentAgain(
    _ packet: PacketView, _ span: SequenceSpan, _ flow: Int, _ store: borrowing PacketStore
  ) -> Bool {
    guard let clock = span.clock(of: packet) else { return false }
    let neighbour = flows.neighbour(of: span.start, flow, store)
    var steps = flows[flow].steps
    defer { flows[flow].steps = steps }
    guard let next = flows[flow].held.first(behind: span.start, near: neighbour, steps: &steps, store),
      let waiting = PacketView(store.room(next)), let earlier = SequenceSpan(waiting)?.clock(of: waiting)
    else { return false }
    return SequenceSpan.distance(from: earlier, to: clock) > 0
  }

  /// Releases what waits for nothing any more.
  private mutating func settle(_ flow: Int, store: inout PacketStore, out: inout Outbox, at now: Instant) {
    while let start = flows[flow].held.firstStart(store),
      SequenceSpan.distance(from: flows[flow].next, to: start) <= 0
        || flows.haveAllPassed(flows[flow].next, flow, at: now)
    {
      releaseFirst(of: flow, store: &store, out: &out, at: now)
    }
    if flows[flow].held.isEmpty { cancel(flow) }
  }

  private mutating func schedule(_ flow: Int, _ store: borrowing PacketStore) {
    if let oldest = flows[flow].held.oldest(store) { schedule(flow, at: oldest + Resequencer.patience) }
  }

  private mutating func schedule(_ flow: Int, at time: Instant) {
    if flows[flow].standing == .known {
      deadlines.schedule(flow, at: time)
    } else {
      strangersDeadlines.schedule(flow, at: time)
    }
  }

  private mutating func cancel(_ flow: Int) {
    deadlines.cancel(flow)
    strangersDeadlines.cancel(flow)
  }

  private mutating func releaseAll(of flow: Int, store: inout PacketStore, out: inout Outbox, at now: Instant) {
    while !flows[flow].held.isEmpty { releaseFirst(of: flow, store: &store, out: &out, at: now) }
    cancel(flow)
  }

  /// Releases the first packet that waits, and gives the gap before it up, if there still is one.
  private mutating func releaseFirst(of flow: Int, store: inout PacketStore, out: inout Outbox, at now: Instant) {
    guard let slot = flows[flow].held.popFirst(store) else { return }
    flows.release(slot, flow)
    let start = store[slot].sequence
    if SequenceSpan.distance(from: flows[flow].next, to: start) > 0 {
      out.counters[.orderGivenUp] += 1
      flows[flow].next = start
    }
    if let packet = PacketView(store.room(slot)), let span = SequenceSpan(packet) { pass(span, flow) }
    changeMemory(of: flow, by: -store.size(of: slot))
    longestHold = max(longestHold, now - store[slot].queued)
    released.append(slot, store: &store)
  }

  // MARK: - Into the store

  /// Lets a packet wait. It returns false if the store has no room, or if too many stand before its place.
  private mutating func hold(
    _ packet: PacketView, _ span: SequenceSpan, _ flow: Int, on circuit: CircuitIdentifier, store: inout PacketStore,
    leaving reserve: Int, out: inout Outbox, at now: Instant
  ) -> Bool {
    guard let slot = store.lend(packet.count, leaving: reserve) else { return false }
    store.room(slot).copyMemory(from: packet.bytes)
    store[slot].sequence = span.start
    store[slot].queued = now
    let neighbour = flows.neighbour(of: span.start, flow, store)
    var steps = flows[flow].steps
    let isInserted = flows[flow].held.insert(slot, near: neighbour, steps: &steps, store: &store)
    flows[flow].steps = steps
    guard isInserted else {
      store.takeBack(slot)
      return false
    }
    flows.hold(slot, by: circuit, flow, store)
    changeMemory(of: flow, by: store.size(of: slot))
    schedule(flow, at: now + Resequencer.patience)
    out.counters[.orderHeld] += 1
    settle(flow, store: &store, out: &out, at: now)
    keepBounds(flow, store: &store, out: &out, at: now)
    return true
  }

  private mutating func changeMemory(of flow: Int, by count: Int) {
    memory += count
    if flows[flow].standing != .known { strangersMemory += count }
  }

  private mutating func keepBounds(_ flow: Int, store: inout PacketStore, out: inout Outbox, at now: Instant) {
    let strangersLimit = memoryLimit - memoryLimit / 4
    let freeForAll = memoryLimit - memory
    let free = max(
      0, flows[flow].standing == .known ? freeForAll : min(freeForAll, strangersLimit - strangersMemory))
    let limit = min(Resequencer.flowMemory, max(Resequencer.leastFlowMemory, free / 2))
    for _ in 0..<Resequencer.yielded where flows[flow].held.memory > limit {
      releaseFirst(of: flow, store: &store, out: &out, at: now)
      settle(flow, store: &store, out: &out, at: now)
    }
    while memory > memoryLimit || strangersMemory > strangersLimit,
      let oldest = strangersDeadlines.popDue(at: .distantFuture) ?? deadlines.popDue(at: .distantFuture)
    {
      for _ in 0..<Resequencer.yielded { releaseFirst(of: oldest, store: &store, out: &out, at: now) }
      settle(oldest, store: &store, out: &out, at: now)
      schedule(oldest, store)
    }
  }
}
