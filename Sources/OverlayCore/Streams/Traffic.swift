/// How much went over circuits, in bytes: with all that is written on them, keepalives included.
public struct Traffic: Equatable, Sendable {
  /// What the kernel took.
  public var sent: UInt64 = 0
  /// What came.
  public var received: UInt64 = 0

  /// Counts what went over another circuit, too.
  mutating func add(_ other: Traffic) {
    sent &+= other.sent
    received &+= other.received
  }
}
