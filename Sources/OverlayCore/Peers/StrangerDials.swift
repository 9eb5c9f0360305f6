/// The pace of dials to strangers, whose names nobody was ever reached at. Anybody can cause such a dial, by a packet
/// that this host answers. A stranger is dialled at once if nobody waits and the pace permits it. All others wait, and
/// as often as the pace permits it one of them is selected. This machine does not know who waits.
struct StrangerDials {
  /// The time for which a packet for a stranger is worth a dial.
  static let patience = Duration.seconds(30)

  private var pace: TokenBucket
  // The time of the next selection; `nil` if nobody waits.
  private var next: Instant?

  /// Makes a pace of `count` dials a minute, and as many at once.
  init(perMinute count: Int) {
    pace = TokenBucket(rate: Double(count) / 60, burst: Double(count))
  }

  /// Returns whether a stranger may be dialled at once, and counts the dial if so.
  mutating func takeAtOnce(at now: Instant) -> Bool { next == nil && pace.take(at: now) }

  /// Returns the time of the selection that somebody waits for; `nil` if it is scheduled already.
  mutating func scheduleSelection(at now: Instant) -> Instant? {
    guard next == nil else { return nil }
    // Never now, or a selection could schedule the next one in an endless loop.
    next = max(pace.nextTake(from: now), now + .milliseconds(1))
    return next
  }

  /// Notes that the time of the selection has come.
  mutating func beginSelection() { next = nil }

  /// Returns whether a stranger may be dialled now, and counts the dial if so.
  mutating func take(at now: Instant) -> Bool { pace.take(at: now) }
}
