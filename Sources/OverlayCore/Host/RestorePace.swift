/// How often something is put right that others may put wrong again: ten times at once, then once in every `interval`, so
/// that whoever fights us costs neither time nor log. Ten quiet intervals give back the ten.
struct RestorePace {
  /// How long it takes until what failed is tried again.
  static let failureInterval: Duration = .seconds(10)
  /// How many turns can be taken at once.
  static let burst = 10

  /// How long one turn takes to come back.
  let interval: Duration

  /// A pace of which all turns are left.
  init(interval: Duration = .seconds(10)) {
    self.interval = interval
  }

  // The generic cell rate algorithm: when all turns will have come back.
  private var replenished = Instant(nanoseconds: 0)

  /// When the next turn can be taken; it may lie in the past.
  var next: Instant { replenished + interval * -(RestorePace.burst - 1) }

  /// Takes a turn; `false` where none is left.
  mutating func take(at now: Instant) -> Bool {
    guard next <= now else { return false }
    replenished = max(replenished, now) + interval
    return true
  }
}
