/// The packet store owns the memory of the packets that wait in all queues of a node, and of those that are put
/// together from pieces. It lends a slot for each packet: an empty queue owns no memory.
///
/// Slots have six sizes, each twice the one before, so that a packet longer than 1,024 bytes takes about twice its
/// length at most. The memory is bounded; past the bound a packet gets no slot. Some slots that are given back are kept
/// for the next packets.
struct PacketStore: ~Copyable {
  /// The place of a packet. It is valid until it is given back.
  struct Slot: Equatable {
    fileprivate let index: Int32

    /// No packet. It ends a list.
    static let none = Slot(index: -1)
  }

  /// What a queue keeps with a packet.
  struct Entry {
    fileprivate(set) var memory: UnsafeMutableRawBufferPointer
    /// The packet's length in bytes.
    var length: Int
    /// The next packet of the list that this one is in.
    var next = Slot.none
    /// The hash of the packet's flow. It is kept because the packet need not show any more what it was computed from.
    var flow: UInt32 = 0
    /// The sequence number of the packet's first byte, where it waits for earlier ones of its TCP flow.
    var sequence: UInt32 = 0
    /// The time at which the packet was queued.
    var queued = Instant(nanoseconds: 0)

    /// The packet.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<length]) }
  }

  /// The most memory that the packets of a whole daemon take, in bytes.
  static let byteLimit = 64 << 20

  /// The size of the smallest slot in bytes.
  static let smallSize = 2_048
  /// The size of the largest slot in bytes.
  static let largeSize = 65_600
  /// The number of sizes.
  static let sizeCount = 6
  /// The number of free slots of each size that keep their memory.
  private static let keptLimits = [512, 64, 32, 32, 16, 16]

  /// The free slots of one size that keep their memory, linked through `next`. The last that was given back is the
  /// first to be lent.
  private struct Pool {
    let size: Int
    /// The greatest number of slots that the pool keeps.
    let limit: Int
    var first = Slot.none
    var count = 0
  }

  private var entries = UnsafeMutableBufferPointer<Entry>(start: nil, count: 0)
  private var count = 0
  // One pool for each size.
  private let pools: UnsafeMutableBufferPointer<Pool>
  // The free slots without memory, linked through `next`.
  private var vacant = Slot.none

  private let byteLimit: Int

  /// The memory that the store owns, lent or kept, in bytes.
  private(set) var byteCount = 0
  /// The memory that is lent, in bytes.
  private(set) var lentBytes = 0

  /// Whether the store has freed memory that the process has not returned to the system yet. Whoever returns it sets
  /// this to false.
  var hasFreedMemory = false

  /// Makes a store without memory, which takes at most `byteLimit` bytes.
  init(byteLimit: Int = PacketStore.byteLimit) {
    self.byteLimit = byteLimit
    pools = .allocate(capacity: PacketStore.sizeCount)
    for (index, limit) in PacketStore.keptLimits.enumerated() {
      pools.initializeElement(at: index, to: Pool(size: PacketStore.size(at: index), limit: limit))
    }
  }

  /// Lends a slot for a packet of `length` bytes, at most 65,575. It returns `nil` if fewer than `reserve` bytes would
  /// be left below the bound.
  mutating func lend(_ length: Int, leaving reserve: Int = 0) -> Slot? {
    // With ThreadSanitizer the compiler (6.3) fails where memory is changed through a field of a noncopyable value.
    let (pool, pools) = (PacketStore.pool(for: length), pools)
    let size = pools[pool].size
    guard size <= bytesFree(leaving: reserve) else { return nil }
    lentBytes += size
    let slot = pools[pool].first
    guard slot != .none else { return make(size, length) }
    pools[pool].first = self[slot].next
    pools[pool].count -= 1
    self[slot].length = length
    self[slot].next = .none
    return slot
  }

  /// Returns the number of bytes that can still be lent if `reserve` bytes are to be left below the bound.
  func bytesFree(leaving reserve: Int) -> Int { max(0, byteLimit - lentBytes - reserve) }

  /// Takes a slot back.
  mutating func takeBack(_ slot: Slot) {
    // As in `lend`.
    let (pool, pools) = (PacketStore.pool(for: size(of: slot)), pools)
    lentBytes -= pools[pool].size
    guard pools[pool].count < pools[pool].limit else { return discard(slot) }
    self[slot].next = pools[pool].first
    pools[pool].first = slot
    pools[pool].count += 1
  }

  /// The memory that is kept for the next packets, in bytes.
  var keptBytes: Int { byteCount - lentBytes }

  /// Returns the size of a slot in bytes, whatever the packet's length is.
  func size(of slot: Slot) -> Int { self[slot].memory.count }

  /// The entry of a packet in a lent slot.
  subscript(slot: Slot) -> Entry {
    unsafeAddress { UnsafePointer(entry(slot)) }
    unsafeMutableAddress { entry(slot) }
  }

  /// Returns the memory of the packet in a lent slot, as long as the packet.
  func room(_ slot: Slot) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: entries[Int(slot.index)].memory[..<entries[Int(slot.index)].length])
  }

  /// Frees the memory that is kept for the next packets.
  mutating func releaseKept() {
    for pool in pools.indices {
      while pools[pool].first != .none {
        let slot = pools[pool].first
        pools[pool].first = self[slot].next
        discard(slot)
      }
      pools[pool].count = 0
    }
  }

  /// Returns the number of the smallest size that holds so many bytes, at most 65,600; the smallest size is 0.
  static func pool(for length: Int) -> Int {
    // Nearly every packet is small.
    guard length > smallSize else { return 0 }
    return min(sizeCount - 1, Int.bitWidth - ((length - 1) / smallSize).leadingZeroBitCount)
  }

  /// Returns the size in bytes of the slot for so many bytes, at most 65,600.
  static func size(for length: Int) -> Int { size(at: pool(for: length)) }

  private static func size(at pool: Int) -> Int { pool == sizeCount - 1 ? largeSize : smallSize << pool }

  private mutating func discard(_ slot: Slot) {
    byteCount -= size(of: slot)
    hasFreedMemory = true
    self[slot].memory.deallocate()
    self[slot].memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    self[slot].next = vacant
    vacant = slot
  }

  private mutating func make(_ size: Int, _ length: Int) -> Slot {
    // Kept memory of other sizes makes room.
    if byteCount + size > byteLimit { releaseKept() }
    byteCount += size
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
    if vacant != .none {
      let slot = vacant
      vacant = self[slot].next
      self[slot] = Entry(memory: memory, length: length)
      return slot
    }
    if count == entries.count {
      let larger = UnsafeMutableBufferPointer<Entry>.allocate(capacity: max(64, entries.count * 2))
      _ = larger.moveInitialize(fromContentsOf: entries)
      entries.deallocate()
      entries = larger
    }
    entries.initializeElement(at: count, to: Entry(memory: memory, length: length))
    count += 1
    return Slot(index: Int32(count - 1))
  }

  private func entry(_ slot: Slot) -> UnsafeMutablePointer<Entry> {
    precondition(slot.index >= 0 && Int(slot.index) < count, "a packet that is nowhere was used")
    return entries.baseAddress.unsafelyUnwrapped + Int(slot.index)
  }

  deinit {
    for index in 0..<count { entries[index].memory.deallocate() }
    entries.deallocate()
    pools.deallocate()
  }
}
