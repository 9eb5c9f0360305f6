/// A write batch holds the packets that go to a socket next, in their final order. It is a list through the store, of
/// which the first packet may be written in part. Whoever fills the batch bounds it.
struct WriteBatch {
  private var head = PacketStore.Slot.none
  private var tail = PacketStore.Slot.none
  // The number of bytes of the first packet that are written.
  private var offset = 0

  /// The number of bytes that are not written yet.
  private(set) var byteCount = 0

  /// Whether the batch has no packets.
  var isEmpty: Bool { head == .none }
  /// Whether a part of a packet was written, so that its rest must follow.
  var isWithinPacket: Bool { offset > 0 }

  /// Appends a packet.
  mutating func append(_ slot: PacketStore.Slot, store: inout PacketStore) {
    if head == .none { head = slot } else { store[tail].next = slot }
    tail = slot
    byteCount += store[slot].length
  }

  /// Writes the bytes that are not written into `runs` from `index` on, as far as `runs` has room. It returns the index
  /// behind the last run.
  func fill(
    _ runs: UnsafeMutableBufferPointer<UnsafeRawBufferPointer>, from index: Int, store: borrowing PacketStore
  ) -> Int {
    var index = index
    var slot = head
    var offset = offset
    while slot != .none, index < runs.count {
      runs.initializeElement(at: index, to: UnsafeRawBufferPointer(rebasing: store[slot].bytes[offset...]))
      offset = 0
      index += 1
      slot = store[slot].next
    }
    return index
  }

  /// Removes `count` bytes, which were written, from the front, and returns the number of packets that ended with them.
  @discardableResult
  mutating func consume(_ count: Int, store: inout PacketStore) -> Int {
    var (left, packets) = (count, 0)
    while left > 0, head != .none {
      let rest = store[head].length - offset
      if left < rest {
        offset += left
        byteCount -= left
        return packets
      }
      left -= rest
      packets += 1
      store.takeBack(removeFirst(store: store))
    }
    return packets
  }

  /// Removes the next packet of which nothing was written, and returns it. It gives the rest of a packet that was
  /// written in part back to the store.
  mutating func popWhole(store: inout PacketStore) -> PacketStore.Slot? {
    if offset > 0 { store.takeBack(removeFirst(store: store)) }
    return head == .none ? nil : removeFirst(store: store)
  }

  /// Returns the memory of the store that the packets take, in bytes. It looks at every packet.
  func lentBytes(in store: borrowing PacketStore) -> Int {
    var (bytes, slot) = (0, head)
    while slot != .none {
      bytes += store.size(of: slot)
      slot = store[slot].next
    }
    return bytes
  }

  private mutating func removeFirst(store: borrowing PacketStore) -> PacketStore.Slot {
    let slot = head
    head = store[slot].next
    byteCount -= store[slot].length - offset
    offset = 0
    return slot
  }
}

/// Memory for the list of the runs of one write, so that a write allocates none.
public struct WriteRuns: ~Copyable {
  /// The greatest number of runs of bytes that one write takes.
  public static let limit = 192
  /// The greatest number of packets that one write takes. Two runs are left for the preamble, and for the rest of a
  /// packet that was sent in part.
  public static let batchPackets = limit - 2

  /// The runs.
  let memory = UnsafeMutableBufferPointer<UnsafeRawBufferPointer>.allocate(capacity: WriteRuns.limit)

  deinit {
    memory.deallocate()
  }
}
