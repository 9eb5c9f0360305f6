/// When a peer may be dialled again: at most 3 attempts in 30 s, and after failures a pause that grows, with jitter so
/// that peers that lost each other do not meet again in step. A sign of life of the peer, once in 30 s, allows one more.
struct DialPace {
  /// How many attempts fit into the window.
  static let attemptLimit = 3
  /// The window in which attempts are counted.
  static let window = Duration.seconds(30)

  /// The pauses after the first, second, … failure in a row; the last one for ever after.
  private static let pauses: [Duration] = [2, 5, 30, 60, 120].map { .seconds($0) }

  /// How long a configured peer that is wanted waits at the most after a failure, and at the least, so that three attempts
  /// in 30 s leave no gap that is longer.
  static let configuredPause = Duration.seconds(10)

  /// When the pause after the last failure is over.
  private(set) var pauseEnd = Instant(nanoseconds: 0)

  private let shortestPause: Duration
  private var attempts: [Instant] = []
  private var failures = 0
  private var lastFailure = Instant(nanoseconds: 0)
  // Whether an attempt may be made beyond the window's limit, and when one last was.
  private var hasExtraAttempt = false
  private var lastExtraAttempt: Instant?

  /// A pace that has seen nothing, whose pauses are not shorter than this.
  init(shortestPause: Duration = .zero) {
    self.shortestPause = shortestPause
  }

  /// The first moment from `now` on at which an attempt is within the pace.
  func nextAttempt(from now: Instant) -> Instant {
    let recent = attempts.suffix(DialPace.attemptLimit)
    guard !hasExtraAttempt, recent.count == DialPace.attemptLimit, let oldest = recent.first else {
      return max(now, pauseEnd)
    }
    return max(now, pauseEnd, oldest + DialPace.window)
  }

  /// Whether nothing is remembered that a new pace would not know.
  func isForgettable(at now: Instant) -> Bool {
    pauseEnd <= now && (attempts + [lastExtraAttempt].compactMap(\.self)).allSatisfy { $0 + DialPace.window <= now }
  }

  /// Counts an attempt.
  mutating func attempted(at now: Instant) {
    if attempts.count(where: { $0 + DialPace.window > now }) >= DialPace.attemptLimit { lastExtraAttempt = now }
    hasExtraAttempt = false
    attempts = attempts.suffix(DialPace.attemptLimit - 1) + [now]
  }

  /// Counts a failure: no attempt before the pause is over. `jitter` in 0..<1 spreads it by a quarter either way.
  mutating func failed(at now: Instant, jitter: Double) {
    let pause = DialPace.pauses[min(failures, DialPace.pauses.count - 1)]
    failures = min(failures + 1, DialPace.pauses.count)
    lastFailure = now
    pauseEnd = now + max(shortestPause, pause * (0.75 + jitter / 2))
  }

  /// Counts a circuit that stood only shortly. The first one costs no pause: whoever closed it may be back already.
  mutating func lost(at now: Instant, jitter: Double) {
    if failures == 0 { failures = 1 } else { failed(at: now, jitter: jitter) }
  }

  /// The peer was reached, or what kept us from it is gone: the pauses begin anew, the window's limit stays.
  mutating func forgive() {
    failures = 0
    pauseEnd = Instant(nanoseconds: 0)
  }

  /// The peer gave a sign of life: it is worth an attempt at once, once in 30 s even beyond the window's limit.
  mutating func showedLife(at now: Instant) {
    forgive()
    hasExtraAttempt = lastExtraAttempt.map { $0 + DialPace.window <= now } ?? true
  }

  /// Somebody waits for the peer, which is configured: the pause is not to be long.
  mutating func hasten() {
    pauseEnd = min(pauseEnd, lastFailure + DialPace.configuredPause)
  }
}
