/// Counts the bytes of a circuit, and tells how many a second there were lately. It looks at the time when bytes come
/// or go, and needs no timer: the rate is that of a window that slides over the last bytes, of which it remembers the
/// part before the current one as a sum.
struct TrafficMeter {
  /// The length of the window.
  static let window = Duration.seconds(3)

  /// All bytes.
  private(set) var total = Traffic()
  // The bytes since `start`, and those of the window before that.
  private var current = Traffic()
  private var before = Traffic()
  private var start = Instant(nanoseconds: 0)

  /// Counts bytes that the kernel took.
  mutating func sent(_ count: Int, at now: Instant) {
    turnOver(at: now)
    total.sent &+= UInt64(clamping: count)
    current.sent &+= UInt64(clamping: count)
  }

  /// Counts bytes that came in.
  mutating func received(_ count: Int, at now: Instant) {
    turnOver(at: now)
    total.received &+= UInt64(clamping: count)
    current.received &+= UInt64(clamping: count)
  }

  /// Returns the bytes a second.
  func rate(at now: Instant) -> Traffic {
    var meter = self
    meter.turnOver(at: now)
    let rest = max(0, 1 - (now - meter.start) / TrafficMeter.window)
    let rate = { (current: UInt64, before: UInt64) in
      UInt64((Double(current) + Double(before) * rest) / TrafficMeter.window.seconds)
    }
    return Traffic(
      sent: rate(meter.current.sent, meter.before.sent), received: rate(meter.current.received, meter.before.received))
  }

  private mutating func turnOver(at now: Instant) {
    let age = now - start
    guard age >= TrafficMeter.window else { return }
    let isNext = age < TrafficMeter.window * 2
    before = isNext ? current : Traffic()
    current = Traffic()
    start = isNext ? start + TrafficMeter.window : now
  }
}
