import Testing

@testable import OverlayCore

@Suite("Byte buffer")
struct ByteBufferTests {
  @Test(
    "it grows by doubling and keeps what is there",
    arguments: [(1, 64), (64, 64), (65, 128), (1_000, 1_024), (65_575, 131_072)])
  func growth(_ count: Int, _ capacity: Int) {
    var buffer = ByteBuffer()
    #expect(buffer.capacity == 0)
    buffer.grow(to: 5)
    [1, 2, 3, 4, 5].withUnsafeBytes { buffer.copy(UnsafeRawBufferPointer(rebasing: $0[..<5]), at: 0) }
    let before = Array(buffer.bytes(0..<5))
    buffer.grow(to: count)
    #expect(buffer.capacity == capacity)
    #expect(Array(buffer.bytes(0..<5)) == before)
  }

  @Test("it never shrinks")
  func shrinking() {
    var buffer = ByteBuffer()
    buffer.grow(to: 500)
    buffer.grow(to: 1)
    #expect(buffer.capacity == 512)
  }
}
