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

  /// The time at which the challenge has to be replaced; the distant future if there is none yet.
  var due: Instant { current.map { $0.since + Challenge.lifetime } ?? .distantFuture }

  /// Returns the token, a new one if there is none or its time is over.
  mutating func token(using random: inout any RandomNumberGenerator, at now: Instant) -> ProofToken {
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
