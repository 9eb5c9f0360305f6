/// Packets that wait for a circuit to be built, in order, as a ring of bytes. Bounded to 64 packets and 128 KiB; the
/// oldest are dropped first.
struct PacketQueue: ~Copyable {
  /// How many packets wait at the most.
  static let packetLimit = 64
  /// How many bytes wait at the most.
  static let byteLimit = 128 << 10

  private(set) var ring = ByteBuffer()
  private var head = 0

  /// How many packets wait.
  private(set) var count = 0
  /// How many bytes these packets take.
  private(set) var byteCount = 0

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

  /// Takes the first packet and hands it to `body`; false if there is none.
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

  /// Gives the memory back if nothing waits.
  mutating func releaseIfEmpty() {
    guard count == 0 else { return }
    ring = ByteBuffer()
    head = 0
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
    let straight = min(byteCount, ring.capacity - head)
    larger.copy(ring.bytes(head..<head + straight), at: 0)
    larger.copy(ring.bytes(0..<byteCount - straight), at: straight)
    ring = larger
    head = 0
  }
}
