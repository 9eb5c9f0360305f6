/// Finds the packets in a circuit's bytes, which TCP splits and joins anywhere (B. Fischer, "Building an Anonymous VPN",
/// 2009, section 7.1.2).
///
/// A packet that came whole is handed out where it lies; only one that was cut is copied together, in room that the store
/// lends until it is complete: a circuit between two packets holds nothing. What a header announces takes no room: that
/// grows with what has come, by doubling, so that whoever holds room has sent half of it, or is lent a short packet's.
struct Defragmenter: ~Copyable {
  // The first bytes of a cut packet, until there are enough to know its length and to ask for room.
  private var start: UInt64 = 0
  private var partial: PacketStore.Slot?
  // A packet that was copied together and handed out: its room goes back with `finish`.
  private var whole: PacketStore.Slot?
  private var filled = 0
  // How long the cut packet is.
  private var length = 0
  private var isAtStart = true

  /// How much of the store it holds, in bytes.
  private(set) var memory = 0
  /// Another number for each time that it was lent room: as long as it stays, so does what is held.
  private(set) var loan: UInt32 = 0

  /// Whether a packet has begun and not ended.
  var isWithinPacket: Bool { filled > 0 }

  /// Takes the next packet off the front of `input`; `nil` if the rest does not complete one, which is then kept. All
  /// packets out of one input are valid, and may be changed, until `finish`.
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
      // Only the first packet out of an input can have begun before it, so there is never a second.
      whole = partial
      self.partial = nil
      filled = 0
      return room
    }
    return nil
  }

  /// Gives back the room of the packet that was handed out last.
  mutating func finish(store: inout PacketStore) {
    guard let slot = whole else { return }
    memory -= store.size(of: slot)
    store.takeBack(slot)
    whole = nil
  }

  /// Gives everything back: the circuit is gone.
  mutating func abandon(store: inout PacketStore) {
    finish(store: &store)
    if let partial { store.takeBack(partial) }
    partial = nil
    filled = 0
    memory = 0
  }

  /// Takes bytes until the packet's length is known, then room for it.
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

  /// Moves a packet that turns out to be longer to a place with room for so many more bytes of it.
  private mutating func enlarge(
    _ small: PacketStore.Slot, for more: Int, store: inout PacketStore
  ) throws(StreamError) {
    let slot = try lend(filled + more, store: &store)
    memory += store.size(of: slot) - store.size(of: small)
    store.room(slot).copyMemory(from: UnsafeRawBufferPointer(store.room(small)))
    store.takeBack(small)
    partial = slot
  }

  /// Room for `count` bytes of the packet, as much as the slot has.
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

  /// "GET " would pass for the beginning of an IPv4 header.
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
