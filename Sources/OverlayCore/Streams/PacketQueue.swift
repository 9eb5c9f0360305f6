/// Packets that wait for a circuit to be built, in order: a list through the store. Bounded to 64 packets and 128 KiB; the
/// oldest are dropped first. Whoever drops the queue gives its packets back to the store before.
struct PacketQueue {
  /// How many packets wait at the most.
  static let packetLimit = 64
  /// How many bytes wait at the most.
  static let byteLimit = 128 << 10

  private var head = PacketStore.Slot.none
  private var tail = PacketStore.Slot.none

  /// How many packets wait.
  private(set) var count = 0
  /// How many bytes these packets take.
  private(set) var byteCount = 0
  /// How many bytes of the store are lent to them.
  private(set) var memory = 0

  /// Appends a packet that lies in the store, of which the queue may be lent `limit` bytes, but a packet at the least; how
  /// many were dropped to make room.
  mutating func append(_ slot: PacketStore.Slot, limit: Int = .max, store: inout PacketStore) -> Int {
    store[slot].next = .none
    if head == .none { head = slot } else { store[tail].next = slot }
    tail = slot
    count += 1
    byteCount += store[slot].length
    memory += store.size(of: slot)
    var dropped = 0
    while count > PacketQueue.packetLimit || byteCount > PacketQueue.byteLimit || memory > limit, count > 1,
      let oldest = popFirst(store)
    {
      store.takeBack(oldest)
      dropped += 1
    }
    return dropped
  }

  /// Takes out the first packet, which is the caller's to give back; `nil` if there is none.
  mutating func popFirst(_ store: borrowing PacketStore) -> PacketStore.Slot? {
    guard head != .none else { return nil }
    let slot = head
    head = store[slot].next
    count -= 1
    byteCount -= store[slot].length
    memory -= store.size(of: slot)
    return slot
  }
}
