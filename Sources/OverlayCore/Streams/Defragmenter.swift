/// A defragmenter finds the packets in a circuit's bytes, which TCP splits and joins anywhere (B. Fischer, "Building an
/// Anonymous VPN", 2009, section 7.1.2).
///
/// It hands out a whole packet where it lies. Only a cut packet is copied, into a slot of the store, until it is
/// complete; between two packets a circuit holds no memory. The length that a header announces takes no memory: a slot
/// grows by doubling as bytes come. So whoever makes a circuit hold memory has sent half of it, or holds the slot of a
/// short packet.
struct Defragmenter: ~Copyable {
  // The first bytes of a cut packet, until they tell its length.
  private var start: UInt64 = 0
  private var partial: PacketStore.Slot?
  // The slot of a packet that was copied and handed out. `finish` gives it back to the store.
  private var whole: PacketStore.Slot?
  private var filled = 0
  // The length of the cut packet in bytes.
  private var length = 0
  private var isAtStart = true

  /// The memory of the store that it holds, in bytes.
  private(set) var memory = 0
  /// A number that changes whenever the store lends memory anew.
  private(set) var loan: UInt32 = 0

  /// Whether a part of a packet has come.
  var isWithinPacket: Bool { filled > 0 }

  /// Takes the next packet off the front of `input`. It returns `nil` if the rest is no whole packet, and keeps that
  /// rest. All packets of one input are valid, and may be changed, until `finish`.
  mutating func next(
    _ input: inout UnsafeMutableRawBufferPointer, store: inout PacketStore
  ) throws(StreamError) -> UnsafeMutableRawBufferPointer? {
    guard !input.isEmpty else { return nil }
    if filled == 0, let length = try length(of: UnsafeRawBufferPointer(input)), length <= input.count {
      return take(length, from: &input)
    }
    while !input.isEmpty {
      guard let partial else {
        try begin(&input, store: &store)
        continue
      }
      let room = store.room(partial)
      guard filled < room.count else {
        try enlarge(partial, for: input.count, store: &store)
        continue
      }
      let taken = take(min(room.count - filled, input.count), from: &input)
      UnsafeMutableRawBufferPointer(rebasing: room[filled...]).copyMemory(from: UnsafeRawBufferPointer(taken))
      filled += taken.count
      guard filled == length else { continue }
      // Only the first packet of an input can have begun before it, so there is at most one.
      whole = partial
      self.partial = nil
      filled = 0
      return room
    }
    return nil
  }

  /// Gives the slot of the last packet that was copied back to the store.
  mutating func finish(store: inout PacketStore) {
    guard let slot = whole else { return }
    memory -= store.size(of: slot)
    store.takeBack(slot)
    whole = nil
  }

  /// Gives all memory back to the store, because the circuit is gone.
  mutating func abandon(store: inout PacketStore) {
    finish(store: &store)
    if let partial { store.takeBack(partial) }
    partial = nil
    filled = 0
    memory = 0
  }

  /// Takes bytes until they tell the packet's length, and then a slot for it.
  private mutating func begin(
    _ input: inout UnsafeMutableRawBufferPointer, store: inout PacketStore
  ) throws(StreamError) {
    let taken = take(min(PacketLength.bytesNeeded - filled, input.count), from: &input)
    let count = filled + taken.count
    let first = filled
    let length = try withUnsafeMutableBytes(of: &start) { bytes throws(StreamError) in
      UnsafeMutableRawBufferPointer(rebasing: bytes[first...]).copyMemory(from: UnsafeRawBufferPointer(taken))
      return try PacketLength.read(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
    }
    filled = count
    guard let length else { return }
    try withUnsafeBytes(of: start) { bytes throws(StreamError) in
      try check(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
    }
    self.length = length
    let slot = try lend(count + input.count, store: &store)
    memory += store.size(of: slot)
    withUnsafeBytes(of: start) { store.room(slot).copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    partial = slot
  }

  /// Moves the cut packet to a slot that has room for `more` further bytes of it.
  private mutating func enlarge(
    _ small: PacketStore.Slot, for more: Int, store: inout PacketStore
  ) throws(StreamError) {
    let slot = try lend(filled + more, store: &store)
    memory += store.size(of: slot) - store.size(of: small)
    store.room(slot).copyMemory(from: UnsafeRawBufferPointer(store.room(small)))
    store.takeBack(small)
    partial = slot
  }

  /// Borrows a slot for at least `count` bytes of the packet, and uses its whole size.
  private mutating func lend(_ count: Int, store: inout PacketStore) throws(StreamError) -> PacketStore.Slot {
    guard let slot = store.lend(min(length, PacketStore.size(for: min(count, length)))) else { throw .noRoom }
    loan &+= 1
    return slot
  }

  private mutating func length(of bytes: UnsafeRawBufferPointer) throws(StreamError) -> Int? {
    let length: Int?
    do throws(StreamError) {
      length = try PacketLength.read(bytes)
    } catch {
      throw isAtStart && bytes.starts(with: StreamError.proxyLineStart) ? .proxyLine : error
    }
    guard let length else { return nil }
    try check(bytes)
    return length
  }

  /// Refuses a web request, because "GET " would pass for the start of an IPv4 header.
  private mutating func check(_ bytes: UnsafeRawBufferPointer) throws(StreamError) {
    if isAtStart, bytes.starts(with: "GET ".utf8) { throw .webRequest }
    isAtStart = false
  }

  private func take(_ count: Int, from input: inout UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer {
    precondition(count <= input.count, "more bytes were taken than there are")
    let start = input.baseAddress
    input = UnsafeMutableRawBufferPointer(start: start.map { $0 + count }, count: input.count - count)
    return UnsafeMutableRawBufferPointer(start: start, count: count)
  }
}
