/// A token bucket limits how often something may happen: `burst` times at once, and after that `rate` times a second.
public struct TokenBucket: Sendable {
  private let rate: Double
  private let burst: Double
  private var tokens: Double
  private var filled = Instant(nanoseconds: 0)

  /// Makes a full bucket. `rate` is in events a second.
  public init(rate: Double, burst: Double) {
    self.rate = rate
    self.burst = burst
    tokens = burst
  }

  /// Returns the first moment from `now` on at which a token is there.
  func nextTake(from now: Instant) -> Instant {
    let tokens = level(at: now)
    return tokens >= 1 ? now : now + .seconds((1 - tokens) / rate)
  }

  /// Takes a token and returns true, or returns false if there is none.
  public mutating func take(at now: Instant) -> Bool {
    tokens = level(at: now)
    filled = max(now, filled)
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }

  /// Gives a token back that was taken for nothing.
  mutating func giveBack() { tokens = min(burst, tokens + 1) }

  /// Returns whether a token is there.
  func has(at now: Instant) -> Bool { level(at: now) >= 1 }

  /// Returns whether no token is missing.
  func isFull(at now: Instant) -> Bool { level(at: now) >= burst }

  private func level(at now: Instant) -> Double {
    let elapsed = now > filled ? now - filled : .zero
    return min(burst, tokens + rate * elapsed.seconds)
  }
}
