/// Bytes that may hold a secret. Their memory is overwritten when nobody has them any more, or before: it has room for
/// `capacity` bytes from the beginning, so that none are left where they were before they grew.
///
/// `@unchecked Sendable`: who changes them has to be the only one who has them.
final class WipedBytes: Equatable, @unchecked Sendable {
  private let memory: UnsafeMutableBufferPointer<UInt8>
  /// How many there are.
  private(set) var count = 0

  /// None, with room for so many.
  init(capacity: Int) { memory = .allocate(capacity: max(1, capacity)) }

  /// These.
  convenience init(_ bytes: some Collection<UInt8>) {
    self.init(capacity: bytes.count)
    append(bytes)
  }

  deinit {
    wipe()
    memory.deallocate()
  }

  /// The bytes, as long as these are there and unchanged.
  var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: memory[..<count]) }

  /// Appends bytes. It returns false, and appends none, if there is no room.
  @discardableResult func append(_ more: some Collection<UInt8>) -> Bool {
    guard more.count <= memory.count - count else { return false }
    count = memory[count...].initialize(fromContentsOf: more)
    return true
  }

  /// Overwrites the bytes: there are none then.
  func wipe() {
    TorServiceKey.wipe(UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(memory)[..<count]))
    count = 0
  }

  /// The same bytes elsewhere, with the same room.
  func copy() -> WipedBytes {
    let copy = WipedBytes(capacity: memory.count)
    copy.append(bytes)
    return copy
  }

  /// Calls `body` with the bytes.
  func withBytes<Result, Failure: Error>(
    _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(bytes)
  }

  /// Whether both are the same bytes.
  static func == (left: WipedBytes, right: WipedBytes) -> Bool {
    left.withBytes { left in right.withBytes { left.elementsEqual($0) } }
  }
}
