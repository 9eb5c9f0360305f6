/// Packets that wait for a circuit, as a ring of the bytes they will be on the wire.
///
/// Bounded to 64 packets and 128 KiB; the oldest are dropped first, but never one of which bytes have been sent: its rest
/// is kept apart and always goes first, so that the stream never holds a part of a packet.
struct PacketQueue: ~Copyable {
  /// How many packets wait at the most.
  static let packetLimit = 64
  /// How many bytes wait at the most, the rest of a packet under way excepted.
  static let byteLimit = 128 << 10

  private(set) var ring = ByteBuffer()
  private var head = 0
  private(set) var rest = ByteBuffer()
  private var restRange = 0..<0

  /// How many whole packets wait.
  private(set) var count = 0
  /// How many bytes these packets take.
  private(set) var byteCount = 0

  /// Whether nothing waits to be sent.
  var isEmpty: Bool { count == 0 && restRange.isEmpty }

  /// Appends a well-formed packet of at most 65,575 bytes; how many older ones were dropped to make room.
  mutating func append(_ packet: UnsafeRawBufferPointer) -> Int {
    var dropped = 0
    while count >= PacketQueue.packetLimit || byteCount + packet.count > PacketQueue.byteLimit {
      removeFirst()
      dropped += 1
    }
    makeRoom(for: packet.count)
    let tail = (head + byteCount) & (ring.capacity - 1)
    let straight = min(packet.count, ring.capacity - tail)
    ring.copy(UnsafeRawBufferPointer(rebasing: packet[..<straight]), at: tail)
    ring.copy(UnsafeRawBufferPointer(rebasing: packet[straight...]), at: 0)
    byteCount += packet.count
    count += 1
    return dropped
  }

  /// The bytes to send, in order: at most three runs, some of which may be empty.
  var runs: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeRawBufferPointer) {
    let straight = min(byteCount, ring.capacity - head)
    return (rest.bytes(restRange), ring.bytes(head..<head + straight), ring.bytes(0..<byteCount - straight))
  }

  /// Takes `sent` bytes off the front; there must be as many in `runs`.
  mutating func consume(_ sent: Int) {
    let ofRest = min(sent, restRange.count)
    restRange = restRange.lowerBound + ofRest..<restRange.upperBound
    var left = sent - ofRest
    while left > 0 {
      let length = firstLength
      if left < length { keepRest(of: length, after: left) }
      removeFirst()
      left = max(0, left - length)
    }
  }

  /// Takes the first whole packet and hands it to `body`; false if there is none.
  mutating func popFirst(_ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
    guard count > 0 else { return false }
    let length = firstLength
    withUnsafeTemporaryAllocation(byteCount: length, alignment: 8) { packet in
      copyFirst(0..<length, to: packet)
      removeFirst()
      body(UnsafeRawBufferPointer(packet))
    }
    return true
  }

  /// Forgets the rest of a packet that was under way, for its circuit is gone; whether there was one.
  mutating func dropRest() -> Bool {
    defer { restRange = 0..<0 }
    return !restRange.isEmpty
  }

  /// Gives the memory back if nothing waits.
  mutating func releaseIfEmpty() {
    guard isEmpty else { return }
    ring = ByteBuffer()
    rest = ByteBuffer()
    restRange = 0..<0
    head = 0
  }

  private mutating func keepRest(of length: Int, after sent: Int) {
    let count = length - sent
    rest.grow(to: count)
    withUnsafeTemporaryAllocation(byteCount: count, alignment: 8) { bytes in
      copyFirst(sent..<length, to: bytes)
      rest.copy(UnsafeRawBufferPointer(bytes), at: 0)
    }
    restRange = 0..<count
  }

  private mutating func removeFirst() {
    let length = firstLength
    head = (head + length) & (ring.capacity - 1)
    byteCount -= length
    count -= 1
  }

  /// Packets tell their own length; one that stands in the queue was checked when it came.
  private var firstLength: Int {
    withUnsafeTemporaryAllocation(byteCount: min(byteCount, PacketLength.bytesNeeded), alignment: 8) { start in
      copyFirst(0..<start.count, to: start)
      return (try? PacketLength.read(UnsafeRawBufferPointer(start))) ?? byteCount
    }
  }

  private func copyFirst(_ range: Range<Int>, to target: UnsafeMutableRawBufferPointer) {
    let start = (head + range.lowerBound) & (ring.capacity - 1)
    let straight = min(range.count, ring.capacity - start)
    target.copyMemory(from: ring.bytes(start..<start + straight))
    UnsafeMutableRawBufferPointer(rebasing: target[straight..<range.count])
      .copyMemory(from: ring.bytes(0..<range.count - straight))
  }

  private mutating func makeRoom(for count: Int) {
    guard byteCount + count > ring.capacity else { return }
    var larger = ByteBuffer()
    larger.grow(to: byteCount + count)
    let (_, first, second) = runs
    larger.copy(first, at: 0)
    larger.copy(second, at: first.count)
    ring = larger
    head = 0
  }
}
