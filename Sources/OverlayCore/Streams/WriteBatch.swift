/// A write batch holds the packets that go to a socket next, in an order that nothing changes any more. It is a list
/// through the store, of which the first packet may be written in part. Whoever fills the batch bounds it.
struct WriteBatch {
  private var head = PacketStore.Slot.none
  private var tail = PacketStore.Slot.none
  // How many bytes of the first are written.
  private var offset = 0

  /// How many bytes are not written yet.
  private(set) var byteCount = 0

  /// Whether there are none.
  var isEmpty: Bool { head == .none }
  /// Whether a part of a packet was written, so that its rest must follow.
  var isWithinPacket: Bool { offset > 0 }

  /// Puts a packet behind the others.
  mutating func append(_ slot: PacketStore.Slot, store: inout PacketStore) {
    if head == .none { head = slot } else { store[tail].next = slot }
    tail = slot
    byteCount += store[slot].length
  }

  /// Puts what is not written into `runs` from `index` on, as far as they go; the index behind the last.
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

  /// Takes `count` bytes that were written off the front.
  mutating func consume(_ count: Int, store: inout PacketStore) {
    var left = count
    while left > 0, head != .none {
      let rest = store[head].length - offset
      if left < rest {
        offset += left
        byteCount -= left
        return
      }
      left -= rest
      store.takeBack(removeFirst(store: store))
    }
  }

  /// Takes out the next packet of which nothing was written; the rest of one that was written in part is given back to
  /// the store.
  mutating func popWhole(store: inout PacketStore) -> PacketStore.Slot? {
    if offset > 0 { store.takeBack(removeFirst(store: store)) }
    return head == .none ? nil : removeFirst(store: store)
  }

  /// How many bytes of the store are lent to them. Looks at every one.
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

/// Memory in which what one write takes is listed, so that none is taken for each.
public struct WriteRuns: ~Copyable {
  /// How many runs of bytes one write takes at most.
  public static let limit = 192
  /// How many packets one write takes at most: before them may stand what is sent first, and the rest of one that was sent
  /// in part.
  public static let batchPackets = limit - 2

  /// Room for as many runs as one write takes.
  let memory = UnsafeMutableBufferPointer<UnsafeRawBufferPointer>.allocate(capacity: WriteRuns.limit)

  deinit {
    memory.deallocate()
  }
}
