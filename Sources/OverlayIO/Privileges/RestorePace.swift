import OverlayCore

/// How often something is put right that others may put wrong again: ten times at once, then once every ten seconds,
/// so that whoever fights us costs neither time nor log. A quiet hundred seconds give back the ten.
struct RestorePace {
  /// How long one turn takes to come back.
  static let interval: Duration = .seconds(10)
  /// How many turns can be taken at once.
  static let burst = 10

  // The generic cell rate algorithm: when all turns will have come back.
  private var replenished = Instant(nanoseconds: 0)

  /// When the next turn can be taken; it may lie in the past.
  var next: Instant { replenished + RestorePace.interval * -(RestorePace.burst - 1) }

  /// Takes a turn; `false` where none is left.
  mutating func take(at now: Instant) -> Bool {
    guard next <= now else { return false }
    replenished = max(replenished, now) + RestorePace.interval
    return true
  }
}
