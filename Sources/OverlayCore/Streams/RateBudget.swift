/// A rate budget holds what may pass now under a ceiling. More may pass than it holds, as one turn is not cut short in
/// the middle: what it owes then has to come in before the next.
struct RateBudget {
  /// The time for which unused budget is kept.
  private static let patience = Duration.milliseconds(50)
  /// The least budget of bytes that is kept, so that it is enough for a turn.
  private static let leastBytes = 2_048.0

  /// Bytes or packets.
  private struct Level {
    let rate: Double
    let most: Double
    var value: Double

    init(rate: Int, atLeast least: Double) {
      self.rate = Double(rate)
      most = max(least, self.rate * RateBudget.patience.seconds)
      value = most
    }

    /// The time until something may pass, in seconds.
    var wait: Double { max(0, -value) / rate }
  }

  private var bytes: Level?
  private var packets: Level?
  private var filled: Instant

  /// Makes a full budget.
  init(_ limit: RateLimit?, at now: Instant) {
    bytes = limit?.bytes.map { Level(rate: $0, atLeast: RateBudget.leastBytes) }
    packets = limit?.packets.map { Level(rate: $0, atLeast: 1) }
    filled = now
  }

  /// Whether something may pass. `fill` tells it the time before.
  var isOpen: Bool { bytes?.value ?? 1 > 0 && packets?.value ?? 1 > 0 }

  /// Whether nothing is missing.
  var isFull: Bool { bytes.map { $0.value >= $0.most } ?? true && packets.map { $0.value >= $0.most } ?? true }

  /// Adds what has come in until now.
  mutating func fill(at now: Instant) {
    guard now > filled else { return }
    let elapsed = (now - filled).seconds
    filled = now
    if let level = bytes { bytes?.value = min(level.most, level.value + level.rate * elapsed) }
    if let level = packets { packets?.value = min(level.most, level.value + level.rate * elapsed) }
  }

  /// Takes what has passed; less than nothing gives back what was taken too much.
  mutating func take(bytes count: Int, packets number: Int) {
    bytes?.value -= Double(count)
    packets?.value -= Double(number)
  }

  /// The time at which it is open again, if nothing passes until then.
  var opening: Instant {
    guard !isOpen else { return filled }
    // A little later than exactly, or rounding could find it closed still.
    return filled + .seconds(max(bytes?.wait ?? 0, packets?.wait ?? 0)) + .nanoseconds(100_000)
  }
}
