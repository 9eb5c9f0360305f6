/// Backpressure leaves packets in the device while a fast circuit has much to send: there they are not lost, and they
/// do not wait for long. A slow circuit gets no backpressure, because its queue has to drop or mark packets, nor does
/// one whose packets wait for a ceiling (`RateGate`).
struct Backpressure {
  /// A circuit is fast if it needs less than this for all bytes that wait on it.
  static let fastDrain = Duration.milliseconds(5)
  /// The longest time that the device waits for a circuit that takes no bytes. It allows for the next process on the
  /// way, which may have to wait for a processor.
  static let patience = Duration.milliseconds(25)
  /// The number of waiting bytes from which on a fast circuit gets backpressure.
  static let threshold = 256 << 10

  /// What the device waits for.
  enum Cause: Equatable {
    /// The circuit has much to send.
    case circuit(CircuitIdentifier)
    /// The circuits that take from the bulk queue of this number have.
    case bulk(Int)
  }

  /// What the device waits for; `nil` for nothing.
  private(set) var cause: Cause?
  /// The time at which the owner has to check that bytes are still taken; the distant future for none.
  private(set) var deadline = Instant.distantFuture

  /// Returns whether so much waits that the device may have to: `threshold` bytes, or half of the memory that a queue
  /// may take.
  static func isPassed(by bytes: Int, memory: Int) -> Bool {
    bytes >= threshold || memory >= FlowQueue.memoryLimit / 2
  }

  /// Begins backpressure, or prolongs it, at most to the check that is due already.
  mutating func begin(_ cause: Cause, at now: Instant) {
    self.cause = cause
    deadline = min(deadline, now + Backpressure.patience)
  }

  /// Ends backpressure if this is its cause.
  mutating func end(_ cause: Cause) {
    if self.cause == cause { self.cause = nil }
  }

  /// Returns the cause that has to be checked, if the time for that has come.
  mutating func due(at now: Instant) -> Cause? {
    guard deadline <= now else { return nil }
    deadline = .distantFuture
    return cause
  }
}
