/// The challenge of this identity to one peer: random bytes, which travel only on circuits that this host dialled to
/// the peer. Whoever repeats them on an accepted circuit is the peer, because nobody else can read what goes to its
/// onion service.
///
/// It is replaced every ten minutes. The one before stays good for a minute, for what is under way.
struct Challenge {
  /// The time after which the challenge is replaced.
  static let lifetime = Duration.seconds(10 * 60)
  /// The time for which the one before stays good.
  static let grace = Duration.seconds(60)

  private var current: (token: ProofToken, since: Instant)?
  private var before: (token: ProofToken, until: Instant)?
  // The time from which on the peer may be told the same again.
  private var nextRepeat = Instant(nanoseconds: 0)

  /// The time at which the challenge has to be replaced; the distant future if there is none yet.
  var due: Instant { current.map { $0.since + Challenge.lifetime } ?? .distantFuture }

  /// Returns whether the peer may be told the challenge again because a circuit has not proven to be the peer's, and
  /// counts it if so. However many circuits claim to be of a peer, it is told once for them all: `Claims.firstPause`
  /// after it was told last, and then every `Claims.pause`.
  mutating func takeRepeat(at now: Instant) -> Bool {
    guard nextRepeat <= now else { return false }
    nextRepeat = now + Claims.pause
    return true
  }

  /// Returns the token, which the peer is told now: a new one if there is none or its time is over.
  mutating func token(using random: inout any RandomNumberGenerator, at now: Instant) -> ProofToken {
    nextRepeat = max(nextRepeat, now + Claims.firstPause)
    if let current, now < current.since + Challenge.lifetime { return current.token }
    before = current.map { ($0.token, $0.since + Challenge.lifetime + Challenge.grace) }
    let token = ProofToken(using: &random)
    current = (token, now)
    return token
  }

  /// Returns whether a response repeats the challenge.
  func isAnswered(by token: ProofToken, at now: Instant) -> Bool {
    let isCurrent =
      current.map { now < $0.since + Challenge.lifetime + Challenge.grace && $0.token.matches(token) } ?? false
    let isBefore = before.map { now < $0.until && $0.token.matches(token) } ?? false
    return isCurrent || isBefore
  }
}
