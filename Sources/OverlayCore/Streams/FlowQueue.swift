/// A flow queue holds the packets that wait for open circuits. It is fair between flows, keeps delay short, and serves
/// sparse flows first (FQ-CoDel, RFC 8290).
///
/// Packets are sorted by flow into `flowCount` places, which are served in a deficit round robin of a quantum of bytes.
/// A place that was empty and gets a packet is served before those that always have one. A place that stands for too
/// long tells its sender by a mark where the packet allows one (RFC 3168), and otherwise by a dropped packet. The
/// memory is bounded by the owner; past that the oldest packet of the longest place is dropped.
///
/// Several circuits may take from one queue, each by the number of its lane. Any of them takes what can be put in order
/// again at the other end. The packets of a flow that cannot are bound to the lane of one circuit, which had least to
/// send when the flow began.
struct FlowQueue: ~Copyable {
  /// The number of places. If there are more flows, some share a place.
  static let flowCount = 64
  /// The most memory of the store that packets take which wait for one circuit, in bytes.
  static let memoryLimit = 1 << 20
  /// The number of bytes that a flow may send in one round.
  static let quantum = 1_514
  /// The greatest number of a lane. Number 0 is that of a circuit that has the queue to itself.
  static let lastLane = 7
  /// A bound flow that was silent for so long begins anew. What it sent before has arrived.
  static let bindingTime = Duration.seconds(1)

  /// The packets that were dropped or marked.
  struct Losses {
    /// The number of packets that were dropped because their place stood for too long.
    var aged = 0
    /// The number of packets that were marked for the same reason.
    var marked = 0
  }

  /// A place.
  struct Flow {
    var head = PacketStore.Slot.none
    var tail = PacketStore.Slot.none
    var byteCount = 0
    var credit = 0
    var delay = ControlledDelay()
    var lastQueued = Instant(nanoseconds: 0)
    /// Whether it has packets that one circuit alone may take.
    var isBound = false
    /// The lane whose circuit takes it; 0 for any.
    var lane: Int8 = 0
    var isListed = false
    var nextListed: Int8 = -1
  }

  /// A list of flows, linked through `nextListed`.
  struct FlowList {
    var first: Int8 = -1
    var last: Int8 = -1
  }

  /// The flows of a lane that have packets.
  struct Round {
    var new = FlowList()
    var old = FlowList()
    var byteCount = 0
    /// How many bytes more the lane's circuit took of bound flows than of others, while it could take both.
    var lead = 0
  }

  /// The places.
  private(set) var flows: UnsafeMutablePointer<Flow>?
  /// The flows that have packets, by the number of their lane; number 0 for what any circuit takes.
  private(set) var rounds: UnsafeMutablePointer<Round>?
  /// Whether a bound flow has begun since this was last unset.
  var hasBoundAnother = false
  /// A bit for each lane that a circuit takes from.
  var openLanes: UInt8 = 0

  /// The number of bytes that wait.
  private(set) var byteCount = 0
  /// The memory of the store that waiting packets take, in bytes.
  private(set) var memory = 0
  private var losses = Losses()

  /// Whether nothing waits.
  var isEmpty: Bool { byteCount == 0 }
  /// Whether the queue has memory for its flows.
  var hasMemory: Bool { flows != nil }

  /// Returns the number of the place of the flow with this hash.
  static func place(of hash: UInt32) -> Int { Int(hash & UInt32(flowCount - 1)) }

  /// Returns whether packets of a flow wait, or of one that shares its place.
  func holds(flow hash: UInt32) -> Bool { flows.map { $0[FlowQueue.place(of: hash)].byteCount > 0 } ?? false }

  /// Appends a packet, which lies in `store`, to its flow's place. `isBound` says that one circuit alone may take what
  /// the flow sends. `limit` bounds the memory of the whole queue in bytes, but one packet always fits. It returns the
  /// number of packets that were dropped to make room.
  mutating func append(
    _ slot: PacketStore.Slot, flow hash: UInt32, isBound: Bool = false, limit: Int = FlowQueue.memoryLimit,
    at now: Instant, store: inout PacketStore
  ) -> Int {
    let flows = table()
    let index = FlowQueue.place(of: hash)
    bind(index, isBound, at: now)
    store[slot].queued = now
    store[slot].next = .none
    if flows[index].head == .none { flows[index].head = slot } else { store[flows[index].tail].next = slot }
    flows[index].tail = slot
    flows[index].lastQueued = now
    added(slot, to: index, store)
    let most = max(limit, store.size(of: slot))
    var dropped = 0
    while memory > most {
      dropFromLongest(store: &store)
      dropped += 1
    }
    return dropped
  }

  /// Puts a packet back that was taken, and not sent: it is the next of its flow.
  mutating func putBack(_ slot: PacketStore.Slot, flow hash: UInt32, store: inout PacketStore) {
    let flows = table()
    let index = FlowQueue.place(of: hash)
    store[slot].next = flows[index].head
    if flows[index].head == .none { flows[index].tail = slot }
    flows[index].head = slot
    added(slot, to: index, store)
  }

  /// Moves packets into a write batch until that holds `limit` bytes, or until `packets` packets were moved. `delays`
  /// gets the time that each of them has waited. It returns the number of packets that were moved.
  @discardableResult
  mutating func fill(
    _ batch: inout WriteBatch, for lane: Int = 0, bytes limit: Int, packets: Int, at now: Instant,
    pace: ControlledDelay.Pace, store: inout PacketStore, delays: inout DelayHistogram
  ) -> Int {
    var moved = 0
    while batch.byteCount < limit, moved < packets, let slot = pull(for: lane, at: now, pace: pace, store: &store) {
      delays.note(now - store[slot].queued)
      batch.append(slot, store: &store)
      moved += 1
    }
    return moved
  }

  /// Returns the packets that were dropped or marked since this was last asked.
  mutating func takeLosses() -> Losses {
    defer { losses = Losses() }
    return losses
  }

  /// Removes the next packet of any flow and returns it; `nil` when none is left.
  mutating func popAny(store: inout PacketStore) -> PacketStore.Slot? {
    guard let flows, byteCount > 0 else { return nil }
    for index in 0..<FlowQueue.flowCount where flows[index].head != .none {
      return removeFirst(of: index, store: &store)
    }
    return nil
  }

  /// Removes all packets of the place of a flow. It returns the first of a list that is linked through `next`. Other
  /// flows that share the place may have packets in the list.
  mutating func detach(flow hash: UInt32, store: borrowing PacketStore) -> PacketStore.Slot {
    guard let flows, let rounds else { return .none }
    let index = FlowQueue.place(of: hash)
    let first = flows[index].head
    var slot = first
    while slot != .none {
      memory -= store.size(of: slot)
      slot = store[slot].next
    }
    byteCount -= flows[index].byteCount
    rounds[Int(flows[index].lane)].byteCount -= flows[index].byteCount
    flows[index].byteCount = 0
    flows[index].head = .none
    return first
  }

  /// Returns the memory of the store that all packets take, in bytes. It looks at every packet, and is for tests.
  func lentBytes(in store: borrowing PacketStore) -> Int {
    var bytes = 0
    guard let flows else { return bytes }
    for index in 0..<FlowQueue.flowCount {
      var slot = flows[index].head
      while slot != .none {
        bytes += store.size(of: slot)
        slot = store[slot].next
      }
    }
    return bytes
  }

  /// Frees the memory for flows if nothing waits.
  mutating func releaseIfEmpty() {
    guard isEmpty, let flows else { return }
    flows.deallocate()
    rounds?.deallocate()
    (self.flows, rounds) = (nil, nil)
  }

  // MARK: - Places

  private mutating func added(_ slot: PacketStore.Slot, to index: Int, _ store: borrowing PacketStore) {
    guard let flows, let rounds else { return }
    let length = store[slot].length
    flows[index].byteCount += length
    rounds[Int(flows[index].lane)].byteCount += length
    byteCount += length
    memory += store.size(of: slot)
    if !flows[index].isListed { enlist(index, asNew: true) }
  }

  private mutating func table() -> UnsafeMutablePointer<Flow> {
    if let flows { return flows }
    let made = UnsafeMutablePointer<Flow>.allocate(capacity: FlowQueue.flowCount)
    made.initialize(repeating: Flow(), count: FlowQueue.flowCount)
    flows = made
    let rounds = UnsafeMutablePointer<Round>.allocate(capacity: FlowQueue.lastLane + 1)
    rounds.initialize(repeating: Round(), count: FlowQueue.lastLane + 1)
    self.rounds = rounds
    return made
  }

  /// Removes the next packet of a place that is to be sent, and returns it; `nil` if there is none.
  mutating func next(
    of index: Int, at now: Instant, pace: ControlledDelay.Pace, store: inout PacketStore
  ) -> PacketStore.Slot? {
    guard let flows else { return nil }
    while flows[index].head != .none {
      let slot = removeFirst(of: index, store: &store)
      let isLast = flows[index].byteCount < FlowQueue.quantum
      guard flows[index].delay.shouldDrop(queued: store[slot].queued, isLast: isLast, at: now, pace) else {
        return slot
      }
      if CongestionMark.set(in: store.room(slot)) {
        losses.marked += 1
        return slot
      }
      losses.aged += 1
      store.takeBack(slot)
    }
    return nil
  }

  private mutating func removeFirst(of index: Int, store: inout PacketStore) -> PacketStore.Slot {
    guard let flows, let rounds else { return .none }
    let slot = flows[index].head
    flows[index].head = store[slot].next
    flows[index].byteCount -= store[slot].length
    rounds[Int(flows[index].lane)].byteCount -= store[slot].length
    byteCount -= store[slot].length
    memory -= store.size(of: slot)
    store[slot].next = .none
    return slot
  }

  private mutating func dropFromLongest(store: inout PacketStore) {
    guard let flows else { return }
    var longest = 0
    for index in 1..<FlowQueue.flowCount where flows[index].byteCount > flows[longest].byteCount { longest = index }
    store.takeBack(removeFirst(of: longest, store: &store))
  }

  deinit {
    flows?.deallocate()
    rounds?.deallocate()
  }
}
