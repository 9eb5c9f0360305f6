/// The pace of repairs of something that others may break again: ten at once, and then one in every `interval`, so that
/// somebody who works against the program costs neither time nor log. After ten quiet intervals ten are permitted
/// again.
struct RestorePace {
  /// The time until a repair that failed is tried again.
  static let failureInterval: Duration = .seconds(10)
  /// The greatest number of repairs at once.
  static let burst = 10

  /// The time after which one more repair is permitted.
  let interval: Duration

  /// Makes a pace of which nothing is used.
  init(interval: Duration = .seconds(10)) {
    self.interval = interval
  }

  // The generic cell rate algorithm: the time at which all repairs are permitted again.
  private var replenished = Instant(nanoseconds: 0)

  /// The time from which on the next repair is permitted. It may be past.
  var next: Instant { replenished + interval * -(RestorePace.burst - 1) }

  /// Returns whether a repair is permitted now, and counts it if so.
  mutating func take(at now: Instant) -> Bool {
    guard next <= now else { return false }
    replenished = max(replenished, now) + interval
    return true
  }
}
