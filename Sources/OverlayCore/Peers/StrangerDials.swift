/// When strangers may be dialled, whose names nobody was ever reached at: anybody can cause such dials, by a packet that this
/// host answers. As long as nobody waits whoever asks is dialled at once; who comes when the pace allows no more waits for a
/// turn, which is drawn among all that wait, as often as the pace allows. Nothing is kept here of those who wait.
struct StrangerDials {
  /// How long a packet for a stranger is worth a dial.
  static let patience = Duration.seconds(30)

  private var pace: TokenBucket
  // When the next turn is drawn; nobody waits without.
  private var next: Instant?

  /// So many turns a minute, and at once.
  init(perMinute count: Int) {
    pace = TokenBucket(rate: Double(count) / 60, burst: Double(count))
  }

  /// Whether a stranger may be dialled at once, which is then counted.
  mutating func takeAtOnce(at now: Instant) -> Bool { next == nil && pace.take(at: now) }

  /// Somebody waits: when a turn is to be drawn; `nil` if that is known already.
  mutating func scheduleSelection(at now: Instant) -> Instant? {
    guard next == nil else { return nil }
    // Never now, or it could be asked for in a circle.
    next = max(pace.nextTake(from: now), now + .milliseconds(1))
    return next
  }

  /// The time to draw has come.
  mutating func beginSelection() { next = nil }

  /// Whether there is a turn now, which is then counted.
  mutating func take(at now: Instant) -> Bool { pace.take(at: now) }
}
