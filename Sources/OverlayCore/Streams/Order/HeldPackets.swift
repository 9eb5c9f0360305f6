/// The packets of a flow that wait for earlier ones, in the order of their sequence numbers, or packets whose turn has
/// come, in the order in which they leave: a list through the store. The owner gives all of them back to the store.
struct HeldPackets {
  private var head = PacketStore.Slot.none
  private var tail = PacketStore.Slot.none

  /// The memory of the store that they take, in bytes.
  private(set) var memory = 0

  /// Whether there are none.
  var isEmpty: Bool { head == .none }

  /// Returns the first packet behind `number`. It looks from `neighbour` on, one of the packets here that is not behind
  /// it, and from the first on where that is `.none`. It is `nil` if there is none, or none within `steps` packets,
  /// which get fewer by those that were looked at.
  func first(
    behind number: UInt32, near neighbour: PacketStore.Slot, steps: inout Int, _ store: borrowing PacketStore
  ) -> PacketStore.Slot? {
    var slot = neighbour == .none ? head : neighbour
    while slot != .none, SequenceSpan.distance(from: number, to: store[slot].sequence) <= 0 {
      guard steps > 0 else { return nil }
      steps -= 1
      slot = store[slot].next
    }
    return slot == .none ? nil : slot
  }

  /// Returns the sequence number of the first packet; `nil` if there is none.
  func firstStart(_ store: borrowing PacketStore) -> UInt32? { head == .none ? nil : store[head].sequence }

  /// Inserts a packet behind those whose sequence numbers are not greater. Its place is looked for from `neighbour` on,
  /// one of the packets here that is not behind it, and from the first on where that is `.none`. Returns false, and
  /// inserts nothing, if it is not found within `steps` packets, which get fewer by those that were looked at.
  mutating func insert(
    _ slot: PacketStore.Slot, near neighbour: PacketStore.Slot, steps: inout Int, store: inout PacketStore
  ) -> Bool {
    let start = store[slot].sequence
    guard head != .none, SequenceSpan.distance(from: store[tail].sequence, to: start) < 0 else {
      append(slot, store: &store)
      return true
    }
    var before = neighbour
    var next = neighbour == .none ? head : store[neighbour].next
    while SequenceSpan.distance(from: store[next].sequence, to: start) >= 0 {
      guard steps > 0 else { return false }
      steps -= 1
      before = next
      next = store[next].next
    }
    memory += store.size(of: slot)
    store[slot].next = next
    if before == .none { head = slot } else { store[before].next = slot }
    return true
  }

  /// Appends a packet.
  mutating func append(_ slot: PacketStore.Slot, store: inout PacketStore) {
    memory += store.size(of: slot)
    store[slot].next = .none
    if head == .none { head = slot } else { store[tail].next = slot }
    tail = slot
  }

  /// Removes the first packet and returns it; `nil` if there is none.
  mutating func popFirst(_ store: borrowing PacketStore) -> PacketStore.Slot? {
    guard head != .none else { return nil }
    let slot = head
    head = store[slot].next
    memory -= store.size(of: slot)
    return slot
  }

  /// Returns the time from which on the packet has waited that came first; `nil` if there is none. It looks at each.
  func oldest(_ store: borrowing PacketStore) -> Instant? {
    var slot = head
    var oldest: Instant?
    while slot != .none {
      oldest = min(oldest ?? store[slot].queued, store[slot].queued)
      slot = store[slot].next
    }
    return oldest
  }

  /// Returns the number of packets up to the last that has waited for `patience`. It looks at each.
  func overdueCount(after patience: Duration, _ store: borrowing PacketStore, at now: Instant) -> Int {
    var slot = head
    var (count, overdue) = (0, 0)
    while slot != .none {
      count += 1
      if store[slot].queued + patience <= now { overdue = count }
      slot = store[slot].next
    }
    return overdue
  }
}
