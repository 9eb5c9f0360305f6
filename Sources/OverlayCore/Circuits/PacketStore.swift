/// Memory for the packets that wait in all queues of a node, and for those that are copied together from pieces, lent
/// packet by packet: a queue that is empty owns nothing.
///
/// Slots come in three sizes: for packets up to an Ethernet's MTU, for a few segments together, and for super-packets. Together they are bounded to
/// `byteLimit`; past it a packet finds no room. Of what is given back a little is kept for the next packets.
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

  /// How much memory all waiting packets can take, in bytes.
  static let byteLimit = 64 << 20

  /// How much memory packets up to this length take.
  static let smallSize = 2_048
  /// How much memory the longest ones take.
  static let largeSize = 65_600
  /// The sizes of slots, and how many of each keep their memory while they are not lent.
  private static let classes = [(size: smallSize, kept: 512), (size: 16_384, kept: 32), (size: largeSize, kept: 16)]

  private var entries = UnsafeMutableBufferPointer<Entry>(start: nil, count: 0)
  private var count = 0
  // The slots of each class that are not lent.
  private var free: [[Slot]] = classes.map { _ in [] }
  // Slots without memory.
  private var vacant: [Slot] = []

  /// How much memory it has, lent or kept, in bytes.
  private(set) var byteCount = 0

  /// Whether large slots were freed, so that the process has memory to give back; whoever gives it back to the system
  /// says so here.
  var hasFreedMemory = false

  /// Lends room for `length` bytes, at most 65,575; `nil` if the bound is reached.
  mutating func lend(_ length: Int) -> Slot? {
    let index = PacketStore.classIndex(length)
    guard let slot = free[index].popLast() else { return make(PacketStore.classes[index].size, length) }
    self[slot].length = length
    self[slot].next = .none
    return slot
  }

  /// Takes a packet's room back.
  mutating func takeBack(_ slot: Slot) {
    let index = PacketStore.classIndex(size(of: slot))
    if free[index].count < PacketStore.classes[index].kept { free[index].append(slot) } else { discard(slot) }
  }

  /// How much memory is kept for the next packets, in bytes.
  var keptBytes: Int { zip(free, PacketStore.classes).reduce(0) { $0 + $1.0.count * $1.1.size } }

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
    for index in free.indices {
      for slot in free[index] { discard(slot) }
      free[index] = []
    }
  }

  private static func classIndex(_ length: Int) -> Int {
    length <= classes[0].size ? 0 : length <= classes[1].size ? 1 : 2
  }

  private mutating func discard(_ slot: Slot) {
    byteCount -= size(of: slot)
    if size(of: slot) == PacketStore.largeSize { hasFreedMemory = true }
    self[slot].memory.deallocate()
    self[slot].memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    vacant.append(slot)
  }

  private mutating func make(_ size: Int, _ length: Int) -> Slot? {
    guard byteCount + size <= PacketStore.byteLimit else { return nil }
    byteCount += size
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
    if let slot = vacant.popLast() {
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
  }
}
