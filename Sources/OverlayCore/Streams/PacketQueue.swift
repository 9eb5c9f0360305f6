/// A packet queue holds the packets that wait while a circuit is built, in order, as a list through the store. It is
/// bounded to 64 packets and 128 KiB; past that the oldest are dropped. The owner gives all packets back to the store
/// before it drops the queue.
struct PacketQueue {
  /// The greatest number of packets that wait.
  static let packetLimit = 64
  /// The greatest number of bytes that wait.
  static let byteLimit = 128 << 10

  private var head = PacketStore.Slot.none
  private var tail = PacketStore.Slot.none

  /// The number of packets that wait.
  private(set) var count = 0
  /// The number of bytes of these packets.
  private(set) var byteCount = 0
  /// The memory of the store that these packets take, in bytes.
  private(set) var memory = 0

  /// Appends a packet, which lies in the store. `limit` bounds the memory of the queue in bytes, but one packet always
  /// fits. It returns the number of packets that were dropped to make room.
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

  /// Returns the time at which the first packet was queued; `nil` if there is none.
  func firstQueued(_ store: borrowing PacketStore) -> Instant? { head == .none ? nil : store[head].queued }

  /// Moves the packets that were queued at `time` or before to a queue of their own, and returns it.
  mutating func split(upTo time: Instant, store: inout PacketStore) -> PacketQueue {
    var earlier = PacketQueue()
    while let queued = firstQueued(store), queued <= time, let slot = popFirst(store) {
      _ = earlier.append(slot, store: &store)
    }
    return earlier
  }

  /// Removes the first packet and returns it; `nil` if there is none. The caller gives it back to the store.
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
