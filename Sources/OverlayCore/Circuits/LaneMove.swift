/// A TCP flow that moves to another circuit, and waits there until all that it sent along the one before has arrived: a
/// packet that overtook it would be taken for a sign of loss, and the flow would be slow for many seconds.
struct LaneMove {
  /// The flow's hash.
  let flow: UInt32
  /// Where it waits.
  let circuit: CircuitIdentifier
  /// The number of the first byte that waits: what is before it went along the circuit before.
  let sequence: UInt32
  /// When it waits no more, whatever has arrived.
  let end: Instant

  /// Whether the receiver, which waits for the byte with this number, has all that went along the circuit before.
  func isOver(acknowledged: UInt32) -> Bool { Int32(bitPattern: acknowledged &- sequence) >= 0 }

  /// Whether a packet that begins with this number is one that went along the circuit before: it was lost there.
  func isRepeated(by sequence: UInt32) -> Bool { Int32(bitPattern: sequence &- self.sequence) < 0 }
}
