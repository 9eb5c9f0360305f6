/// A point of monotonic time. The core reads no clock: whoever reports an event reports its time, too.
public struct Instant: Comparable, Hashable, Sendable {
  /// Nanoseconds since the clock's start, which is arbitrary. They are at most `Int64.max`.
  public let nanoseconds: UInt64

  /// Makes the instant so many nanoseconds after the clock's start, but none after the distant future.
  public init(nanoseconds: UInt64) {
    self.nanoseconds = min(nanoseconds, UInt64(Int64.max))
  }

  /// The time that has passed since the clock's start.
  var sinceStart: Duration { Duration(nanoseconds: Int64(bitPattern: nanoseconds)) }

  /// The last instant. No event is as late.
  static var distantFuture: Instant { Instant(nanoseconds: .max) }

  /// Returns whether `left` is the earlier one.
  public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

  /// Returns the instant that is `duration` later, or earlier if that is negative. It is never before the clock's start
  /// and never after the distant future.
  public static func + (instant: Instant, duration: Duration) -> Instant {
    let end = Duration(nanoseconds: Int64(bitPattern: instant.nanoseconds)) + duration
    return Instant(nanoseconds: UInt64(bitPattern: max(0, end.nanoseconds)))
  }

  /// Returns the time from `earlier` to `later`. It is negative if `later` is the earlier one.
  public static func - (later: Instant, earlier: Instant) -> Duration {
    // Both are positive numbers of 63 bits.
    Duration(nanoseconds: Int64(bitPattern: later.nanoseconds &- earlier.nanoseconds))
  }
}
