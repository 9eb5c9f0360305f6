/// A flow queue holds the packets that wait on an open circuit. It is fair between flows, keeps delay short, and serves
/// sparse flows first (FQ-CoDel, RFC 8290).
///
/// Packets are sorted by flow into `flowCount` queues, which are served in a deficit round robin of a quantum of bytes.
/// A queue that was empty and gets a packet is served before those that always have one. A queue that stands for too
/// long tells its sender by a mark where the packet allows one (RFC 3168), and otherwise by a dropped packet. The
/// memory is bounded to `memoryLimit`, or to less where the store is short; past that the oldest packet of the longest
/// queue is dropped. A packet of which some bytes were sent is always sent whole. A flow can be suspended.
struct FlowQueue: ~Copyable {
  /// The number of queues. If there are more flows, some share a queue.
  static let flowCount = 64
  /// The most memory of the store that waiting packets take, in bytes.
  static let memoryLimit = 1 << 20
  /// The number of bytes that a flow may send in one round.
  static let quantum = 1_514

  /// The packets that were dropped or marked.
  struct Losses {
    /// The number of packets that were dropped because their queue stood for too long.
    var aged = 0
    /// The number of packets that were marked for the same reason.
    var marked = 0
  }

  private struct Flow {
    var head = PacketStore.Slot.none
    var tail = PacketStore.Slot.none
    var byteCount = 0
    var credit = 0
    var delay = ControlledDelay()
    var isListed = false
    var isSuspended = false
    var nextListed: Int8 = -1
  }

  /// A list of flows, linked through `nextListed`.
  private struct FlowList {
    var first: Int8 = -1
    var last: Int8 = -1
  }

  private var flows: UnsafeMutablePointer<Flow>?
  private var (new, old) = (FlowList(), FlowList())
  private var batch = WriteBatch()

  /// The number of bytes that wait, without those in the write batch.
  private(set) var byteCount = 0
  /// The memory of the store that waiting packets take, in bytes, without the write batch.
  private(set) var memory = 0
  /// The packets that were dropped or marked since the owner last reset this.
  var losses = Losses()

  /// Whether nothing waits.
  var isEmpty: Bool { byteCount == 0 && batch.isEmpty }
  /// Whether the queue has memory for its flows.
  var hasMemory: Bool { flows != nil }
  /// Whether a part of a packet was written, so that its rest must follow.
  var isWithinPacket: Bool { batch.isWithinPacket }
  /// The number of bytes of the write batch that are not written yet.
  var batchBytes: Int { batch.byteCount }
  /// The number of bytes that wait, with the write batch.
  var totalBytes: Int { byteCount + batchBytes }

  /// Returns the number of the queue that holds the flow with this hash.
  static func place(of hash: UInt32) -> Int { Int(hash & UInt32(flowCount - 1)) }

  /// Appends a packet, which lies in `store`, to its flow's queue. `limit` bounds the memory of the whole queue in
  /// bytes, but one packet always fits. It returns the number of packets that were dropped to make room.
  mutating func append(
    _ slot: PacketStore.Slot, flow hash: UInt32, limit: Int = FlowQueue.memoryLimit, at now: Instant,
    store: inout PacketStore
  ) -> Int {
    let flows = table()
    let index = FlowQueue.place(of: hash)
    let length = store[slot].length
    store[slot].queued = now
    store[slot].next = .none
    if flows[index].head == .none { flows[index].head = slot } else { store[flows[index].tail].next = slot }
    flows[index].tail = slot
    flows[index].byteCount += length
    byteCount += length
    if !flows[index].isListed, !flows[index].isSuspended { enlist(index, asNew: true) }
    var dropped = 0
    memory += store.size(of: slot)
    let most = max(min(limit, FlowQueue.memoryLimit), store.size(of: slot))
    while memory > most {
      dropFromLongest(store: &store)
      dropped += 1
    }
    return dropped
  }

  /// Suspends a flow until `resume`, together with the flows that share its queue.
  mutating func suspend(flow hash: UInt32) {
    table()[FlowQueue.place(of: hash)].isSuspended = true
  }

  /// Resumes a suspended flow.
  mutating func resume(flow hash: UInt32) {
    let index = FlowQueue.place(of: hash)
    guard let flows else { return }
    flows[index].isSuspended = false
    if flows[index].head != .none, !flows[index].isListed { enlist(index, asNew: true) }
  }

  /// Moves packets into the write batch until that holds `limit` bytes, or until `packets` packets were moved. `delays`
  /// gets the time that each of them has waited.
  mutating func fillBatch(
    bytes limit: Int, packets: Int, at now: Instant, pace: ControlledDelay.Pace, store: inout PacketStore,
    delays: inout DelayHistogram
  ) {
    var left = packets
    while batch.byteCount < limit, left > 0, let slot = pull(at: now, pace: pace, store: &store) {
      delays.note(now - store[slot].queued)
      batch.append(slot, store: &store)
      left -= 1
    }
  }

  /// Writes the write batch into `runs` from `index` on, as far as `runs` has room. It returns the index behind the
  /// last run.
  func fill(
    _ runs: UnsafeMutableBufferPointer<UnsafeRawBufferPointer>, from index: Int, store: borrowing PacketStore
  ) -> Int {
    batch.fill(runs, from: index, store: store)
  }

  /// Removes `count` bytes that were written from the front of the write batch, and returns the number of packets that
  /// ended with them.
  @discardableResult
  mutating func consume(_ count: Int, store: inout PacketStore) -> Int {
    batch.consume(count, store: &store)
  }

  /// Removes the next whole packet of any flow and returns it; `nil` when none is left. It drops the rest of a packet
  /// that was sent in part, because that packet's circuit is gone.
  mutating func popAny(store: inout PacketStore) -> PacketStore.Slot? {
    if let slot = batch.popWhole(store: &store) { return slot }
    guard let flows, byteCount > 0 else { return nil }
    for index in 0..<FlowQueue.flowCount where flows[index].head != .none {
      return removeFirst(of: index, store: &store)
    }
    return nil
  }

  /// Removes all packets of the queue that holds a flow, except those in the write batch. It returns the first of a
  /// list that is linked through `next`. Other flows that share the queue may have packets in the list.
  mutating func detach(flow hash: UInt32, store: borrowing PacketStore) -> PacketStore.Slot {
    guard let flows else { return .none }
    let index = FlowQueue.place(of: hash)
    let first = flows[index].head
    var slot = first
    while slot != .none {
      memory -= store.size(of: slot)
      slot = store[slot].next
    }
    byteCount -= flows[index].byteCount
    flows[index].byteCount = 0
    flows[index].head = .none
    return first
  }

  /// Returns the memory of the store that all packets take, with the write batch, in bytes. It looks at every packet,
  /// and is for tests.
  func lentBytes(in store: borrowing PacketStore) -> Int {
    var bytes = batch.lentBytes(in: store)
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
    self.flows = nil
    (new, old) = (FlowList(), FlowList())
  }

  private mutating func table() -> UnsafeMutablePointer<Flow> {
    if let flows { return flows }
    let made = UnsafeMutablePointer<Flow>.allocate(capacity: FlowQueue.flowCount)
    made.initialize(repeating: Flow(), count: FlowQueue.flowCount)
    flows = made
    return made
  }

  private mutating func pull(
    at now: Instant, pace: ControlledDelay.Pace, store: inout PacketStore
  ) -> PacketStore.Slot? {
    guard let flows else { return nil }
    while true {
      let isNew = new.first >= 0
      guard isNew || old.first >= 0 else { return nil }
      let index = Int(isNew ? new.first : old.first)
      if flows[index].credit <= 0 {
        flows[index].credit += FlowQueue.quantum
        delistFirst(ofNew: isNew)
        enlist(index, asNew: false)
        continue
      }
      guard let slot = next(of: index, at: now, pace: pace, store: &store) else {
        delistFirst(ofNew: isNew)
        // A flow that came and is empty again waits once behind the others, or it could always be new.
        if isNew, old.first >= 0 { enlist(index, asNew: false) } else { flows[index].isListed = false }
        continue
      }
      flows[index].credit -= store[slot].length
      return slot
    }
  }

  private mutating func next(
    of index: Int, at now: Instant, pace: ControlledDelay.Pace, store: inout PacketStore
  ) -> PacketStore.Slot? {
    guard let flows, !flows[index].isSuspended else { return nil }
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
    guard let flows else { return .none }
    let slot = flows[index].head
    flows[index].head = store[slot].next
    flows[index].byteCount -= store[slot].length
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

  private mutating func enlist(_ index: Int, asNew: Bool) {
    guard let flows else { return }
    if asNew { flows[index].credit = FlowQueue.quantum }
    flows[index].isListed = true
    flows[index].nextListed = -1
    var list = asNew ? new : old
    if list.first < 0 { list.first = Int8(index) } else { flows[Int(list.last)].nextListed = Int8(index) }
    list.last = Int8(index)
    if asNew { new = list } else { old = list }
  }

  private mutating func delistFirst(ofNew: Bool) {
    guard let flows else { return }
    if ofNew { new.first = flows[Int(new.first)].nextListed } else { old.first = flows[Int(old.first)].nextListed }
  }

  deinit {
    flows?.deallocate()
  }
}
