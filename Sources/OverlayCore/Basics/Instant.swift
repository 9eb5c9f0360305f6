/// A point of monotonic time. The core reads no clock: whoever brings an event brings the time with it.
public struct Instant: Comparable, Hashable, Sendable {
  /// Nanoseconds since an arbitrary start, at most `Int64.max`.
  public let nanoseconds: UInt64

  /// The instant this many nanoseconds after the clock's start; what would be later than the distant future is the
  /// distant future.
  public init(nanoseconds: UInt64) {
    self.nanoseconds = min(nanoseconds, UInt64(Int64.max))
  }

  /// Later than any event.
  public static var distantFuture: Instant { Instant(nanoseconds: .max) }

  /// An earlier instant is the smaller one.
  public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

  /// The instant that follows after `duration`, which may be negative: never before the clock's start, and never later
  /// than the distant future.
  public static func + (instant: Instant, duration: Duration) -> Instant {
    let end = Duration(nanoseconds: Int64(bitPattern: instant.nanoseconds)) + duration
    return Instant(nanoseconds: UInt64(bitPattern: max(0, end.nanoseconds)))
  }

  /// How much later than `earlier` this instant is; negative if it is earlier.
  public static func - (later: Instant, earlier: Instant) -> Duration {
    // Both are positive numbers of 63 bits.
    Duration(nanoseconds: Int64(bitPattern: later.nanoseconds &- earlier.nanoseconds))
  }
}
