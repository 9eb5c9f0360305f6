/// The schedule of router advertisements (RFC 4861 sections 6.2.4 and 6.2.6). Three are sent soon after the start and
/// after each change of their content, then one every 200 to 600 s. A solicitation is answered within half a second.
/// Two are never less than 3 s apart. All are for the whole link.
struct AdvertisementSchedule {
  /// When the next advertisement is due.
  private(set) var next: Instant
  private var last: Instant?
  private var initialsLeft = initials

  private static let initials = 3
  private static let interval = Duration.seconds(200)...Duration.seconds(600)
  private static let initialInterval = Duration.seconds(16)
  private static let longestDelay = Duration.milliseconds(500)
  private static let shortestGap = Duration.seconds(3)

  /// Makes a schedule whose first advertisement is due at `start`.
  init(from start: Instant) {
    next = start
  }

  /// Notes that a host has asked for an advertisement.
  mutating func solicit(at now: Instant, random: inout some RandomNumberGenerator) {
    let delayed = now + Duration.random(in: .zero...AdvertisementSchedule.longestDelay, using: &random)
    next = min(next, max(delayed, allowed(at: now)))
  }

  /// Begins the schedule anew because the content has changed, as section 6.2.4 permits.
  mutating func restart(at now: Instant) {
    initialsLeft = AdvertisementSchedule.initials
    next = min(next, allowed(at: now))
  }

  private func allowed(at now: Instant) -> Instant {
    max(now, last.map { $0 + AdvertisementSchedule.shortestGap } ?? now)
  }

  /// Returns whether an advertisement is to be sent now, and counts it as sent.
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
