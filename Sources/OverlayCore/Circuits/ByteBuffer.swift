/// Raw memory that grows by doubling and is freed with its owner.
struct ByteBuffer: ~Copyable {
  private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  /// How many bytes fit.
  var capacity: Int { memory.count }

  /// Makes room for `count` bytes, keeping those that are there.
  mutating func grow(to count: Int) {
    guard count > memory.count else { return }
    var capacity = max(memory.count, ByteBuffer.smallest)
    while capacity < count { capacity *= 2 }
    let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
    larger.copyMemory(from: UnsafeRawBufferPointer(memory))
    memory.deallocate()
    memory = larger
  }

  /// The bytes of `range`, which must lie within the capacity.
  func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[range])
  }

  /// Puts `bytes` at `offset`; there must be room.
  mutating func copy(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
    UnsafeMutableRawBufferPointer(rebasing: memory[offset..<offset + bytes.count]).copyMemory(from: bytes)
  }

  private static let smallest = 64

  deinit {
    memory.deallocate()
  }
}
