/// When router advertisements are sent (RFC 4861 sections 6.2.4 and 6.2.6): all to the whole link, three soon after the
/// start or after a change of what they say, then one every 200 to 600 s, and one within half a second of a
/// solicitation, but never two within 3 s.
struct AdvertisementSchedule {
  /// When the next one is due.
  private(set) var next: Instant
  private var last: Instant?
  private var initialsLeft = initials

  private static let initials = 3
  private static let interval = Duration.seconds(200)...Duration.seconds(600)
  private static let initialInterval = Duration.seconds(16)
  private static let longestDelay = Duration.milliseconds(500)
  private static let shortestGap = Duration.seconds(3)

  /// A schedule whose first advertisement is due at once.
  init(from start: Instant) {
    next = start
  }

  /// Somebody has asked for one.
  mutating func solicit(at now: Instant, random: inout some RandomNumberGenerator) {
    let delayed = now + Duration.random(in: .zero...AdvertisementSchedule.longestDelay, using: &random)
    next = min(next, max(delayed, allowed(at: now)))
  }

  /// What they say is another than before: they begin anew, as section 6.2.4 permits.
  mutating func restart(at now: Instant) {
    initialsLeft = AdvertisementSchedule.initials
    next = min(next, allowed(at: now))
  }

  private func allowed(at now: Instant) -> Instant {
    max(now, last.map { $0 + AdvertisementSchedule.shortestGap } ?? now)
  }

  /// Whether one is to be sent now, which then counts as sent.
  mutating func takeDue(at now: Instant, random: inout some RandomNumberGenerator) -> Bool {
    guard now >= next else { return false }
    if initialsLeft > 0 { initialsLeft -= 1 }
    last = now
    var gap = Duration.random(in: AdvertisementSchedule.interval, using: &random)
    if initialsLeft > 0 { gap = min(gap, AdvertisementSchedule.initialInterval) }
    next = now + gap
    return true
  }
}
