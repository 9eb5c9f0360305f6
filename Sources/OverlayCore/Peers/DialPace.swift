/// When a peer may be dialled again: at most 3 attempts in 30 s, and after failures a pause that grows, with jitter so
/// that peers that lost each other do not meet again in step.
struct DialPace {
  /// How many attempts fit into the window.
  static let attemptLimit = 3
  /// The window in which attempts are counted.
  static let window = Duration.seconds(30)

  /// The pauses after the first, second, … failure in a row; the last one for ever after.
  private static let pauses: [Duration] = [2, 5, 30, 60, 120].map { .seconds($0) }

  private var attempts: [Instant] = []
  private var failures = 0
  private var pauseEnd = Instant(nanoseconds: 0)

  /// The first moment from `now` on at which an attempt is within the pace.
  func nextAttempt(from now: Instant) -> Instant {
    let recent = attempts.suffix(DialPace.attemptLimit)
    guard recent.count == DialPace.attemptLimit, let oldest = recent.first else { return max(now, pauseEnd) }
    return max(now, pauseEnd, oldest + DialPace.window)
  }

  /// Whether nothing is remembered that a new pace would not know.
  func isForgettable(at now: Instant) -> Bool {
    pauseEnd <= now && attempts.allSatisfy { $0 + DialPace.window <= now }
  }

  /// Counts an attempt.
  mutating func attempted(at now: Instant) {
    attempts = attempts.suffix(DialPace.attemptLimit - 1) + [now]
  }

  /// Counts a failure: no attempt before the pause is over. `jitter` in 0..<1 spreads it by a quarter either way.
  mutating func failed(at now: Instant, jitter: Double) {
    let pause = DialPace.pauses[min(failures, DialPace.pauses.count - 1)]
    failures = min(failures + 1, DialPace.pauses.count)
    pauseEnd = now + pause * (0.75 + jitter / 2)
  }

  /// Counts a circuit that stood only shortly. The first one costs no pause: whoever closed it may be back already.
  mutating func lost(at now: Instant, jitter: Double) {
    if failures == 0 { failures = 1 } else { failed(at: now, jitter: jitter) }
  }

  /// The peer gave a sign of life: the pauses begin anew, the window's limit stays.
  mutating func forgive() {
    failures = 0
    pauseEnd = Instant(nanoseconds: 0)
  }
}
