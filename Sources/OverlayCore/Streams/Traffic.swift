/// The number of bytes that went over circuits, keepalives included.
public struct Traffic: Equatable, Sendable {
  /// The bytes that the kernel took.
  public var sent: UInt64 = 0
  /// The bytes that came in.
  public var received: UInt64 = 0

  /// Makes counts of both directions.
  init(sent: UInt64 = 0, received: UInt64 = 0) {
    self.sent = sent
    self.received = received
  }

  /// Adds the bytes that went over another circuit.
  mutating func add(_ other: Traffic) {
    sent &+= other.sent
    received &+= other.received
  }
}
