/// A limit on how often something may happen: `burst` times at once, then `rate` times a second.
struct TokenBucket {
  private let rate: Double
  private let burst: Double
  private var tokens: Double
  private var filled = Instant(nanoseconds: 0)

  /// A full bucket.
  init(rate: Double, burst: Double) {
    self.rate = rate
    self.burst = burst
    tokens = burst
  }

  /// Whether it may happen now, which is then counted.
  mutating func take(at now: Instant) -> Bool {
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
    return min(burst, tokens + rate * (elapsed / .seconds(1)))
  }
}
