/// A point of monotonic time. The core reads no clock: whoever brings an event brings the time with it.
public struct Instant: Comparable, Hashable, Sendable {
  /// Nanoseconds since an arbitrary start.
  public let nanoseconds: UInt64

  /// The instant this many nanoseconds after the clock's start.
  public init(nanoseconds: UInt64) {
    self.nanoseconds = nanoseconds
  }

  /// Later than any event.
  public static let distantFuture = Instant(nanoseconds: UInt64(Int64.max))

  /// An earlier instant is the smaller one.
  public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

  /// The instant that follows after `duration`, which may be negative; never before the clock's start.
  public static func + (instant: Instant, duration: Duration) -> Instant {
    let (seconds, attoseconds) = duration.components
    let whole = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let sum = Int64(clamping: instant.nanoseconds).addingReportingOverflow(whole.partialValue)
    let total = sum.partialValue.addingReportingOverflow(attoseconds / 1_000_000_000)
    let isBeyond = whole.overflow || sum.overflow || total.overflow
    guard !isBeyond else { return seconds < 0 ? Instant(nanoseconds: 0) : .distantFuture }
    return Instant(nanoseconds: UInt64(max(0, total.partialValue)))
  }

  /// The instant so many seconds later, which are not negative and no more than a day.
  public func advanced(bySeconds seconds: Double) -> Instant {
    Instant(nanoseconds: nanoseconds &+ UInt64(max(0, min(seconds, 86_400)) * 1e9))
  }

  /// How much later than `earlier` this instant is, in seconds: cheaper than a duration, which has 128 bits.
  public func seconds(since earlier: Instant) -> Double {
    Double(Int64(bitPattern: nanoseconds &- earlier.nanoseconds)) * 1e-9
  }

  /// How much later than `earlier` this instant is.
  public static func - (later: Instant, earlier: Instant) -> Duration {
    .nanoseconds(Int64(bitPattern: later.nanoseconds &- earlier.nanoseconds))
  }
}
