/// How fast a circuit takes bytes, measured while there is more to send than it takes: an idle circuit says nothing.
struct DrainRate {
  /// How long a measurement lasts at the least: shorter ones see single buffers being emptied.
  private static let window = Duration.milliseconds(20)
  /// For how long a rate is believed after the circuit last was too slow.
  private static let validity = Duration.seconds(10)
  /// How much of the estimate a new measurement makes up.
  private static let weight = 0.25

  private var estimate: Double?
  private var measured = Instant(nanoseconds: 0)
  private var windowStart: Instant?
  private var windowBytes = 0

  /// Bytes per second; `nil` if the circuit has not been too slow lately.
  func bytesPerSecond(at now: Instant) -> Double? {
    now - measured < DrainRate.validity ? estimate : nil
  }

  /// How long the circuit takes for so many bytes; zero if it has not been too slow lately.
  func time(for bytes: Int, at now: Instant) -> Duration {
    guard let rate = bytesPerSecond(at: now) else { return .zero }
    return .seconds(Double(bytes) / rate)
  }

  /// The circuit took so many bytes, and would not take more: `isBlocked`.
  mutating func took(_ bytes: Int, isBlocked: Bool, at now: Instant) {
    guard let start = windowStart else {
      if isBlocked { begin(at: now) }
      return
    }
    windowBytes += bytes
    let elapsed = now - start
    if elapsed >= DrainRate.window {
      let sample = max(Double(windowBytes) / elapsed.seconds, 1)
      estimate = bytesPerSecond(at: now).map { $0 + (sample - $0) * DrainRate.weight } ?? sample
      measured = now
      windowStart = nil
      if isBlocked { begin(at: now) }
    } else if !isBlocked {
      windowStart = nil
    }
  }

  private mutating func begin(at now: Instant) {
    windowStart = now
    windowBytes = 0
  }
}
