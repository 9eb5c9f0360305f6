/// A limit on how often something may happen: `burst` times at once, then `rate` times a second.
public struct TokenBucket: Sendable {
  private let rate: Double
  private let burst: Double
  private var tokens: Double
  private var filled = Instant(nanoseconds: 0)

  /// A full bucket.
  public init(rate: Double, burst: Double) {
    self.rate = rate
    self.burst = burst
    tokens = burst
  }

  /// The first moment from `now` on at which it may happen, if it does not before.
  func nextTake(from now: Instant) -> Instant {
    let tokens = level(at: now)
    return tokens >= 1 ? now : now + .seconds((1 - tokens) / rate)
  }

  /// Whether it may happen now, which is then counted.
  public mutating func take(at now: Instant) -> Bool {
    tokens = level(at: now)
    filled = max(now, filled)
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }

  /// Whether it may happen now.
  func has(at now: Instant) -> Bool { level(at: now) >= 1 }

  private func level(at now: Instant) -> Double {
    let elapsed = now > filled ? now - filled : .zero
    return min(burst, tokens + rate * elapsed.seconds)
  }
}
