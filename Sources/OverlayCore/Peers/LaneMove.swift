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
  let deadline: Instant

  /// Whether the byte with this number went along the circuit before. As long as the receiver waits for such a one, not
  /// all has arrived; a sender that begins with such a one sends again what was lost.
  func wentBefore(_ number: UInt32) -> Bool { Int32(bitPattern: number &- sequence) < 0 }
}
