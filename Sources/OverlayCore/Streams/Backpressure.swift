/// Backpressure keeps packets in the device while a circuit has much to send and takes it fast: there they are not lost,
/// and do not wait for long. What a slow circuit does not take is its queue's to judge.
struct Backpressure {
  /// The device waits while a circuit needs less than this for the bytes that wait.
  static let fastDrain = Duration.milliseconds(5)
  /// For how long the device waits for a circuit that takes nothing: as long as the next process on the way may have to
  /// wait for a processor.
  static let patience = Duration.milliseconds(25)
  /// From how many waiting bytes on the device waits for a fast circuit.
  static let threshold = 256 << 10

  /// The circuit that the device waits for.
  private(set) var circuit: CircuitIdentifier?
  /// When to look whether it still takes bytes.
  private(set) var deadline = Instant.distantFuture

  /// Whether so much waits on a circuit that the device may have to wait.
  static func isPassed(by queue: borrowing FlowQueue) -> Bool {
    queue.totalBytes >= threshold || queue.memory >= FlowQueue.memoryLimit / 2
  }

  /// The device waits for this circuit from now on.
  mutating func begin(_ circuit: CircuitIdentifier, at now: Instant) {
    self.circuit = circuit
    deadline = min(deadline, now + Backpressure.patience)
  }

  /// The device does not wait for this circuit any more.
  mutating func end(_ circuit: CircuitIdentifier) {
    if self.circuit == circuit { self.circuit = nil }
  }

  /// Returns the circuit to look at, if the time for that has come.
  mutating func due(at now: Instant) -> CircuitIdentifier? {
    guard deadline <= now else { return nil }
    deadline = .distantFuture
    return circuit
  }
}
