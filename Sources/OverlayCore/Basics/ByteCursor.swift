/// A cursor reads a message from its front to its end. Each member takes the bytes that it returns; it returns `nil`
/// and takes nothing if the message holds fewer.
struct ByteCursor {
  private var rest: Slice<UnsafeRawBufferPointer>

  /// Makes a cursor before the first of `bytes`, which must outlive it.
  init(_ bytes: UnsafeRawBufferPointer) {
    rest = bytes[...]
  }

  /// The number of bytes that are left.
  var count: Int { rest.count }

  /// Takes the next byte.
  mutating func byte() -> UInt8? { rest.popFirst() }

  /// Takes the next 16 bits as a number in network byte order.
  mutating func number16() -> UInt16? {
    number(of: 2).map { UInt16(truncatingIfNeeded: $0) }
  }

  /// Takes the next 24 bits as a number in network byte order.
  mutating func number24() -> UInt32? { number(of: 3) }

  /// Takes the next 32 bits as a number in network byte order.
  mutating func number32() -> UInt32? { number(of: 4) }

  /// Takes the next `count` bytes and returns a cursor over them alone.
  mutating func part(_ count: Int) -> ByteCursor? { bytes(count).map(ByteCursor.init) }

  /// Takes all bytes that are left.
  mutating func remainder() -> [UInt8] {
    defer { rest = rest.dropFirst(rest.count) }
    return Array(rest)
  }

  /// Takes the next `count` bytes.
  mutating func bytes(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count <= rest.count else { return nil }
    defer { rest = rest.dropFirst(count) }
    return UnsafeRawBufferPointer(rebasing: rest.prefix(count))
  }

  private mutating func number(of size: Int) -> UInt32? {
    bytes(size)?.reduce(0) { $0 << 8 | UInt32($1) }
  }
}
