/// Reads a message from its front to its end: what is taken is gone, and what is not there is `nil`.
struct ByteCursor {
  private var rest: Slice<UnsafeRawBufferPointer>

  /// A cursor before the first of `bytes`, which must outlive it.
  init(_ bytes: UnsafeRawBufferPointer) {
    rest = bytes[...]
  }

  /// How many bytes are left.
  var count: Int { rest.count }

  /// The next byte.
  mutating func byte() -> UInt8? { rest.popFirst() }

  /// The next number of 16 bits in network byte order; `nil` and nothing taken if it is cut off.
  mutating func number16() -> UInt16? {
    number(of: 2).map { UInt16(truncatingIfNeeded: $0) }
  }

  /// The next number of 24 bits in network byte order; `nil` and nothing taken if it is cut off.
  mutating func number24() -> UInt32? { number(of: 3) }

  /// The next number of 32 bits in network byte order; `nil` and nothing taken if it is cut off.
  mutating func number32() -> UInt32? { number(of: 4) }

  /// A cursor over the next `count` bytes alone; `nil` and nothing taken if there are fewer.
  mutating func part(_ count: Int) -> ByteCursor? { bytes(count).map(ByteCursor.init) }

  /// All that is left.
  mutating func remainder() -> [UInt8] {
    defer { rest = rest.dropFirst(rest.count) }
    return Array(rest)
  }

  /// The next `count` bytes; `nil` and nothing taken if there are fewer.
  mutating func bytes(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count <= rest.count else { return nil }
    defer { rest = rest.dropFirst(count) }
    return UnsafeRawBufferPointer(rebasing: rest.prefix(count))
  }

  private mutating func number(of size: Int) -> UInt32? {
    bytes(size)?.reduce(0) { $0 << 8 | UInt32($1) }
  }
}
