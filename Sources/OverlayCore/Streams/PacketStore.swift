/// Memory for the packets that wait in all queues of a node, and for those that are copied together from pieces, lent
/// packet by packet: a queue that is empty owns nothing.
///
/// Slots come in six sizes, each twice the one before: a packet that is longer than an Ethernet's MTU takes less than
/// twice its length. Together they are bounded; past the bound a packet finds no room. Of what is given back a little is
/// kept for the next packets.
struct PacketStore: ~Copyable {
  /// Where a packet lies, as long as it is lent.
  struct Slot: Equatable {
    fileprivate let index: Int32

    /// No packet: ends a list.
    static let none = Slot(index: -1)
  }

  /// What a queue keeps with a packet.
  struct Entry {
    fileprivate(set) var memory: UnsafeMutableRawBufferPointer
    /// The packet's length in bytes.
    var length: Int
    /// The next packet of the list that this one is in.
    var next = Slot.none
    /// When it was put into its queue.
    var queued = Instant(nanoseconds: 0)

    /// The packet.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<length]) }
  }

  /// How much memory the packets of a whole daemon can take, in bytes.
  static let byteLimit = 64 << 20

  /// How much memory packets up to this length take.
  static let smallSize = 2_048
  /// How much memory the longest ones take.
  static let largeSize = 65_600
  /// How many sizes there are.
  static let sizeCount = 6
  /// How many slots of each size are kept for the next packets.
  private static let keptLimits = [512, 64, 32, 32, 16, 16]

  /// The slots of one size that are not lent and keep their memory, linked through `next`: the last that was given back
  /// is the first to be lent.
  private struct Pool {
    let size: Int
    /// How many it keeps.
    let limit: Int
    var first = Slot.none
    var count = 0
  }

  private var entries = UnsafeMutableBufferPointer<Entry>(start: nil, count: 0)
  private var count = 0
  // By size.
  private let pools: UnsafeMutableBufferPointer<Pool>
  // The slots without memory, linked through `next`.
  private var vacant = Slot.none

  private let byteLimit: Int

  /// How much memory it has, lent or kept, in bytes.
  private(set) var byteCount = 0
  /// How much memory is lent, in bytes.
  private(set) var lentBytes = 0

  /// Whether memory was freed, so that the process has some to give back; whoever gives it back to the system says so
  /// here.
  var hasFreedMemory = false

  /// A store without memory, which takes at most so many bytes of it.
  init(byteLimit: Int = PacketStore.byteLimit) {
    self.byteLimit = byteLimit
    pools = .allocate(capacity: PacketStore.sizeCount)
    for (index, limit) in PacketStore.keptLimits.enumerated() {
      pools.initializeElement(at: index, to: Pool(size: PacketStore.size(at: index), limit: limit))
    }
  }

  /// Lends room for `length` bytes, at most 65,575; `nil` if less than `reserve` bytes were left below the bound then.
  mutating func lend(_ length: Int, leaving reserve: Int = 0) -> Slot? {
    let pool = PacketStore.pool(for: length)
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

  /// How many bytes can still be lent, so that `reserve` bytes are left below the bound then.
  func bytesFree(leaving reserve: Int) -> Int { max(0, byteLimit - lentBytes - reserve) }

  /// Takes a packet's room back.
  mutating func takeBack(_ slot: Slot) {
    let pool = PacketStore.pool(for: size(of: slot))
    lentBytes -= pools[pool].size
    guard pools[pool].count < pools[pool].limit else { return discard(slot) }
    self[slot].next = pools[pool].first
    pools[pool].first = slot
    pools[pool].count += 1
  }

  /// How much memory is kept for the next packets, in bytes.
  var keptBytes: Int { byteCount - lentBytes }

  /// How many bytes are lent with the slot, whatever the packet's length.
  func size(of slot: Slot) -> Int { self[slot].memory.count }

  /// What is known of a packet that is lent.
  subscript(slot: Slot) -> Entry {
    unsafeAddress { UnsafePointer(entry(slot)) }
    unsafeMutableAddress { entry(slot) }
  }

  /// The room of a packet that is lent.
  func room(_ slot: Slot) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: entries[Int(slot.index)].memory[..<entries[Int(slot.index)].length])
  }

  /// Frees what is kept for the next packets.
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

  /// Which size, from the smallest on, so many bytes take, at most 65,600.
  static func pool(for length: Int) -> Int {
    // Nearly every packet is small.
    guard length > smallSize else { return 0 }
    return min(sizeCount - 1, Int.bitWidth - ((length - 1) / smallSize).leadingZeroBitCount)
  }

  /// How much memory so many bytes take, at most 65,600.
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
    // What is kept for packets of other lengths makes room.
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
