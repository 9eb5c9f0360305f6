/// The pace at which a peer is dialled: at most 3 attempts in 30 s, and after each failure in a row a longer pause.
/// Pauses have jitter, so that peers that lost each other do not go on in step. A sign of life of the peer permits one
/// more attempt, once in 30 s.
struct DialPace {
  /// The greatest number of attempts in a window.
  static let attemptLimit = 3
  /// The window in which attempts are counted.
  static let window = Duration.seconds(30)

  /// The pauses after the first, second and each further failure in a row. The last one is that of all further
  /// failures.
  private static let pauses: [Duration] = [2, 5, 30, 60, 120].map { .seconds($0) }

  /// The pause after a failure to reach a configured peer: at least so long, and no longer while packets wait for the
  /// peer. Three attempts in a window then leave no gap that is longer.
  static let configuredPause = Duration.seconds(10)

  /// The time at which the pause after the last failure ends.
  private(set) var pauseEnd = Instant(nanoseconds: 0)
  /// How long the pause after a failure is at the least.
  var shortestPause: Duration

  private var attempts: [Instant] = []
  private var failures = 0
  private var lastFailure = Instant(nanoseconds: 0)
  // Whether one attempt beyond the window's limit is permitted, and when the last such attempt was made.
  private var hasExtraAttempt = false
  private var lastExtraAttempt: Instant?
  private var lastClaim: Instant?
  // Whether the peer has proven to be there since it was last dialled for a claim.
  private var wasThere = false

  /// Makes the pace of a peer that was not dialled yet. No pause is shorter than `shortestPause`.
  init(shortestPause: Duration = .zero) {
    self.shortestPause = shortestPause
  }

  /// Returns the first time from `now` on at which the pace permits an attempt.
  func nextAttempt(from now: Instant) -> Instant {
    let recent = attempts.suffix(DialPace.attemptLimit)
    guard !hasExtraAttempt, recent.count == DialPace.attemptLimit, let oldest = recent.first else {
      return max(now, pauseEnd)
    }
    return max(now, pauseEnd, oldest + DialPace.window)
  }

  /// Returns whether a new pace would permit the same, so that this one can be forgotten.
  func isForgettable(at now: Instant) -> Bool {
    pauseEnd <= now
      && (attempts + [lastExtraAttempt, lastClaim].compactMap(\.self)).allSatisfy { $0 + DialPace.window <= now }
  }

  /// Counts an attempt.
  mutating func attempted(at now: Instant) {
    if attempts.count(where: { $0 + DialPace.window > now }) >= DialPace.attemptLimit { lastExtraAttempt = now }
    hasExtraAttempt = false
    attempts = attempts.suffix(DialPace.attemptLimit - 1) + [now]
  }

  /// Counts a failure, and begins a pause. `jitter` in 0..<1 makes the pause up to a quarter shorter or longer.
  mutating func failed(at now: Instant, jitter: Double) {
    let pause = DialPace.pauses[min(failures, DialPace.pauses.count - 1)]
    failures = min(failures + 1, DialPace.pauses.count)
    lastFailure = now
    pauseEnd = now + max(shortestPause, pause * (0.75 + jitter / 2))
  }

  /// Counts the loss of a circuit that was open for a short time only. The first loss costs no pause, because whoever
  /// closed the circuit may be back already.
  mutating func lost(at now: Instant, jitter: Double) {
    if failures == 0 { failures = 1 } else { failed(at: now, jitter: jitter) }
  }

  /// Ends the pause and forgets the failures, because the peer was reached or the obstacle is gone. The window's limit
  /// stays.
  mutating func forgive() {
    failures = 0
    pauseEnd = Instant(nanoseconds: 0)
  }

  /// Notes a sign of life of the peer, which permits an attempt at once: once in a window even beyond the limit.
  mutating func showedLife(at now: Instant) {
    forgive()
    wasThere = true
    hasExtraAttempt = lastExtraAttempt.map { $0 + DialPace.window <= now } ?? true
  }

  /// Notes that somebody claims to be the peer, which permits an attempt at once, once in a window, so that the peer
  /// can prove it. Whoever it is: the failures stay, and with them the length of the next pause. A peer that has proven
  /// to be there since the last claim may have started anew: it permits one more, within the limits of any attempt. It
  /// returns whether an attempt is permitted.
  mutating func wasClaimed(at now: Instant) -> Bool {
    if let lastClaim, lastClaim + DialPace.window > now {
      guard wasThere, nextAttempt(from: now) <= now else { return false }
      wasThere = false
      return true
    }
    wasThere = false
    lastClaim = now
    pauseEnd = min(pauseEnd, now)
    hasExtraAttempt = true
    return true
  }

  /// Ends the pause after the first failure in a row, because Tor says that another attempt would succeed. It returns
  /// whether it may be made at once. Tor may say so again and again, and refuse all the same: the limits stay.
  mutating func permitsSecondTry(at now: Instant) -> Bool {
    guard failures == 1 else { return false }
    pauseEnd = now
    return nextAttempt(from: now) <= now
  }

  /// Shortens the pause of a configured peer, because packets wait for it.
  mutating func hasten() {
    pauseEnd = min(pauseEnd, lastFailure + DialPace.configuredPause)
  }
}
