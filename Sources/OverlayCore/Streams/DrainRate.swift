/// The rate at which a circuit takes bytes. It is measured only while more waits than the circuit takes, because an
/// idle circuit tells nothing.
struct DrainRate {
  /// The shortest time that a measurement lasts. A shorter one would see how single buffers are emptied.
  private static let window = Duration.milliseconds(20)
  /// The time for which a rate is valid after the measurement.
  private static let validity = Duration.seconds(10)
  /// The share of a new measurement in the estimate.
  private static let weight = 0.25

  /// The greatest rate that the operator permits, in bytes per second; `nil` for any.
  var ceiling: Double?

  private var estimate: Double?
  private var measured = Instant(nanoseconds: 0)
  private var windowStart: Instant?
  private var windowBytes = 0

  /// Returns the rate in bytes per second; `nil` if the circuit has taken everything lately, and may.
  func bytesPerSecond(at now: Instant) -> Double? {
    guard let measured = measuredRate(at: now) else { return ceiling }
    return min(measured, ceiling ?? measured)
  }

  private func measuredRate(at now: Instant) -> Double? { now - measured < DrainRate.validity ? estimate : nil }

  /// Returns the time that the circuit needs for so many bytes; zero if it has taken everything lately.
  func time(for bytes: Int, at now: Instant) -> Duration {
    guard let rate = bytesPerSecond(at: now) else { return .zero }
    return .seconds(Double(bytes) / rate)
  }

  /// Notes that the circuit took so many bytes. `isBlocked` says that it would take no more, and `hasMore` that there
  /// is more for it, so that the measurement goes on.
  mutating func took(_ bytes: Int, isBlocked: Bool, hasMore: Bool = false, at now: Instant) {
    guard let start = windowStart else {
      if isBlocked { begin(at: now) }
      return
    }
    windowBytes += bytes
    let elapsed = now - start
    if elapsed >= DrainRate.window {
      let sample = max(Double(windowBytes) / elapsed.seconds, 1)
      estimate = measuredRate(at: now).map { $0 + (sample - $0) * DrainRate.weight } ?? sample
      measured = now
      windowStart = nil
      if isBlocked || hasMore { begin(at: now) }
    } else if !isBlocked, !hasMore {
      windowStart = nil
    }
  }

  private mutating func begin(at now: Instant) {
    windowStart = now
    windowBytes = 0
  }
}
