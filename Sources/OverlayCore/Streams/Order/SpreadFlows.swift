/// The TCP flows that come in, each with how far each circuit has brought it. There are at most `ways` × `sets`, in
/// sets by hash; past that one of the set is forgotten: first one that is silent, then one that comes on one circuit
/// alone, and of these the one that was silent for longest; those of peers that the operator knows last, and not for
/// one of others. A flow that is forgotten is only not put in order for a moment.
struct SpreadFlows: ~Copyable {
  /// The number of circuits of a flow that are known: as many as a peer builds at the most.
  static let markLimit = 8
  /// A circuit that has not brought a flow for so long is not waited for.
  static let markLifetime = Duration.seconds(1)

  private static let ways = 8
  private static let sets = 16
  /// The greatest number of flows.
  static let limit = ways * sets

  private var flows: UnsafeMutableBufferPointer<SpreadFlow>?
  private var marks: UnsafeMutableBufferPointer<SpreadFlow.Mark>?

  private let seed: UInt64

  /// Makes an empty table. It takes 44 KiB from the first flow on. `seed` is random and nobody else's, so that nobody
  /// chooses flows that make room for each other.
  init(seed: UInt64) { self.seed = seed }

  deinit {
    flows?.deallocate()
    marks?.deallocate()
  }

  /// The flow with this number. It must have been found.
  subscript(index: Int) -> SpreadFlow {
    unsafeAddress { UnsafePointer(entry(index)) }
    unsafeMutableAddress { entry(index) }
  }

  /// The numbers of all flows.
  var indices: Range<Int> { 0..<(flows?.count ?? 0) }

  /// Returns the number of the flow with this key and hash, or of the record that has to make room for it; `nil` if
  /// none does for a flow of this standing.
  mutating func find(
    _ key: SpreadFlow.Key, of standing: Standing, hash: UInt32, at now: Instant
  ) -> (index: Int, isKnown: Bool)? {
    makeMemory()
    let mixed = (UInt64(hash) ^ seed) &* 0x9e37_79b9_7f4a_7c15
    let first = Int(mixed >> 32) % SpreadFlows.sets * SpreadFlows.ways
    for index in first..<first + SpreadFlows.ways where self[index].key == key { return (index, true) }
    var least = first
    for index in first + 1..<first + SpreadFlows.ways {
      let (worth, other) = (self[index].worth(at: now), self[least].worth(at: now))
      if worth == other ? self[index].lastSeen < self[least].lastSeen : worth < other { least = index }
    }
    guard standing == .known || self[least].worth(at: now) < SpreadFlow.leastKnownWorth else { return nil }
    return (least, false)
  }

  /// Notes that a circuit has brought the flow up to `end`.
  mutating func mark(_ index: Int, _ circuit: CircuitIdentifier, end: UInt32, at now: Instant) {
    guard let marks else { return }
    if let place = mark(of: index, where: { $0.circuit == circuit.serial }) {
      let isStale = now - marks[place].lastSeen > SpreadFlows.markLifetime
      if isStale || SequenceSpan.distance(from: marks[place].end, to: end) > 0 { marks[place].end = end }
      marks[place].lastSeen = now
      return
    }
    forgetMarks(of: index) { now - $0.lastSeen > SpreadFlows.markLifetime }
    if self[index].markCount == SpreadFlows.markLimit {
      // The one that was silent for longest makes room.
      let oldest = places(of: index).map { marks[$0].lastSeen }.min()
      forgetMarks(of: index) { $0.lastSeen == oldest }
    }
    marks[places(of: index).upperBound] = SpreadFlow.Mark(circuit: circuit.serial, end: end, lastSeen: now)
    self[index].markCount += 1
  }

  /// Returns the last known packet of the flow that waits and does not stand behind `number`; `.none` if none is known.
  func neighbour(of number: UInt32, _ index: Int, _ store: borrowing PacketStore) -> PacketStore.Slot {
    var best = (slot: PacketStore.Slot.none, distance: Int.max)
    for place in places(of: index) {
      guard let slot = marks?[place].held, slot != .none else { continue }
      let distance = SequenceSpan.distance(from: store[slot].sequence, to: number)
      if distance >= 0, distance < best.distance { best = (slot, distance) }
    }
    return best.slot
  }

  /// Notes that a packet of the flow waits, which a circuit brought.
  mutating func hold(
    _ slot: PacketStore.Slot, by circuit: CircuitIdentifier, _ index: Int, _ store: borrowing PacketStore
  ) {
    guard let marks, let place = mark(of: index, where: { $0.circuit == circuit.serial }) else { return }
    let last = marks[place].held
    guard last == .none || SequenceSpan.distance(from: store[last].sequence, to: store[slot].sequence) >= 0 else {
      return
    }
    marks[place].held = slot
  }

  /// Notes that a packet of the flow waits no longer.
  mutating func release(_ slot: PacketStore.Slot, _ index: Int) {
    if let place = mark(of: index, where: { $0.held == slot }) { marks?[place].held = .none }
  }

  private func mark(of index: Int, where isMatch: (SpreadFlow.Mark) -> Bool) -> Int? {
    guard let marks else { return nil }
    return places(of: index).first { isMatch(marks[$0]) }
  }

  /// Forgets that a circuit has brought the flow, because it is gone. It returns whether it had.
  mutating func forget(_ circuit: CircuitIdentifier, of index: Int) -> Bool {
    let count = self[index].markCount
    forgetMarks(of: index) { $0.circuit == circuit.serial }
    return self[index].markCount < count
  }

  /// Returns whether each circuit that still brings the flow has brought something behind `number`, so that none will
  /// bring what is missing there. Circuits that were silent for long are forgotten, and those that brought nothing of
  /// as much as a flow may hold: the flow has left them.
  mutating func haveAllPassed(_ number: UInt32, _ index: Int, at now: Instant) -> Bool {
    forgetMarks(of: index) {
      now - $0.lastSeen > SpreadFlows.markLifetime
        || SequenceSpan.distance(from: $0.end, to: number) > Resequencer.flowMemory
    }
    guard let marks else { return true }
    return places(of: index).allSatisfy { SequenceSpan.distance(from: number, to: marks[$0].end) > 0 }
  }

  private mutating func forgetMarks(of index: Int, where isOver: (SpreadFlow.Mark) -> Bool) {
    guard let marks else { return }
    var place = places(of: index).lowerBound
    while place < places(of: index).upperBound {
      if isOver(marks[place]) {
        self[index].markCount -= 1
        marks[place] = marks[places(of: index).upperBound]
      } else {
        place += 1
      }
    }
  }

  /// The places of the marks of the flow with this number: below the end of `marks`, which has `markLimit` for each.
  private func places(of index: Int) -> Range<Int> {
    let first = index * SpreadFlows.markLimit
    return first..<first + self[index].markCount
  }

  private mutating func makeMemory() {
    guard flows == nil else { return }
    let flows = UnsafeMutableBufferPointer<SpreadFlow>.allocate(capacity: SpreadFlows.limit)
    flows.initialize(repeating: SpreadFlow())
    self.flows = flows
    let marks = UnsafeMutableBufferPointer<SpreadFlow.Mark>.allocate(
      capacity: SpreadFlows.limit * SpreadFlows.markLimit)
    marks.initialize(repeating: SpreadFlow.Mark())
    self.marks = marks
  }

  private func entry(_ index: Int) -> UnsafeMutablePointer<SpreadFlow> {
    guard let flows, flows.indices.contains(index), let base = flows.baseAddress else {
      preconditionFailure("a flow that is nowhere was used")
    }
    return base + index
  }
}
