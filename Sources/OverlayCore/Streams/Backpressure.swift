/// Backpressure leaves packets in the device while a fast circuit has much to send: there they are not lost, and they
/// do not wait for long. A slow circuit gets no backpressure, because its queue has to drop or mark packets.
struct Backpressure {
  /// A circuit is fast if it needs less than this for all bytes that wait on it.
  static let fastDrain = Duration.milliseconds(5)
  /// The longest time that the device waits for a circuit that takes no bytes. It allows for the next process on the
  /// way, which may have to wait for a processor.
  static let patience = Duration.milliseconds(25)
  /// The number of waiting bytes from which on a fast circuit gets backpressure.
  static let threshold = 256 << 10

  /// The circuit that the device waits for; `nil` for none.
  private(set) var circuit: CircuitIdentifier?
  /// The time at which the owner has to check that the circuit still takes bytes; the distant future for none.
  private(set) var deadline = Instant.distantFuture

  /// Returns whether so much waits in `queue` that its circuit may need backpressure: `threshold` bytes, or half of the
  /// memory that a queue may take.
  static func isPassed(by queue: borrowing FlowQueue) -> Bool {
    queue.totalBytes >= threshold || queue.memory >= FlowQueue.memoryLimit / 2
  }

  /// Begins backpressure for a circuit, or prolongs it, at most to the check that is due already.
  mutating func begin(_ circuit: CircuitIdentifier, at now: Instant) {
    self.circuit = circuit
    deadline = min(deadline, now + Backpressure.patience)
  }

  /// Ends backpressure if it is for this circuit.
  mutating func end(_ circuit: CircuitIdentifier) {
    if self.circuit == circuit { self.circuit = nil }
  }

  /// Returns the circuit that has to be checked, if the time for that has come.
  mutating func due(at now: Instant) -> CircuitIdentifier? {
    guard deadline <= now else { return nil }
    deadline = .distantFuture
    return circuit
  }
}
