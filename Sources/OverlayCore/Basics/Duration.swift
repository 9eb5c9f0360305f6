/// A length of time in whole nanoseconds, at most 292 years. It may be negative. Arithmetic never traps: a result that
/// is out of range becomes the nearest duration that is not.
///
/// The standard library's type of this name has 128 bits, which cost too much in what every packet runs through.
public struct Duration: Comparable, Hashable, Sendable {
  /// The length in nanoseconds.
  let nanoseconds: Int64

  /// No time at all.
  public static var zero: Duration { Duration(nanoseconds: 0) }
  /// The longest duration.
  static var longest: Duration { Duration(nanoseconds: .max) }
  /// The most negative duration.
  static var mostNegative: Duration { Duration(nanoseconds: .min) }

  /// Makes a duration of so many nanoseconds.
  init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  /// Returns a duration of so many nanoseconds.
  public static func nanoseconds(_ count: some BinaryInteger) -> Duration { units(count, of: 1) }

  /// Returns a duration of so many milliseconds.
  public static func milliseconds(_ count: some BinaryInteger) -> Duration { units(count, of: 1_000_000) }

  /// Returns a duration of so many seconds.
  public static func seconds(_ count: some BinaryInteger) -> Duration { units(count, of: 1_000_000_000) }

  /// Returns a duration of so many seconds, rounded towards zero to whole nanoseconds. It is zero if `count` is not a
  /// number.
  static func seconds(_ count: Double) -> Duration { Duration(rounding: count * 1e9) }

  /// The length in seconds, for rates and statistics. It is exact to the nanosecond below 104 days.
  var seconds: Double { Double(nanoseconds) * 1e-9 }

  /// The length in seconds, rounded towards zero.
  public var wholeSeconds: Int64 { nanoseconds / 1_000_000_000 }

  /// The length in microseconds, rounded towards zero.
  public var wholeMicroseconds: Int64 { nanoseconds / 1_000 }

  /// Returns whether `left` is the shorter one; a negative duration is shorter than zero.
  public static func < (left: Duration, right: Duration) -> Bool { left.nanoseconds < right.nanoseconds }

  /// Returns a random duration of `range`, each with the same probability.
  static func random(in range: ClosedRange<Duration>, using random: inout some RandomNumberGenerator) -> Duration {
    let bounds = range.lowerBound.nanoseconds...range.upperBound.nanoseconds
    return Duration(nanoseconds: Int64.random(in: bounds, using: &random))
  }

  private static func units(_ count: some BinaryInteger, of unit: Int64) -> Duration {
    Duration(nanoseconds: Int64(clamping: count)) * unit
  }

  private init(rounding nanoseconds: Double) {
    // 2^63 itself is one too many, and a double can have no number between it and the last that is not.
    if nanoseconds.isNaN {
      self.init(nanoseconds: 0)
    } else if nanoseconds >= 0x1p63 {
      self.init(nanoseconds: .max)
    } else if nanoseconds <= -0x1p63 {
      self.init(nanoseconds: .min)
    } else {
      self.init(nanoseconds: Int64(nanoseconds))
    }
  }
}

extension Duration: AdditiveArithmetic {
  /// Returns the sum.
  public static func + (left: Duration, right: Duration) -> Duration {
    let (sum, isBeyond) = left.nanoseconds.addingReportingOverflow(right.nanoseconds)
    return isBeyond ? bound(isNegative: left < .zero) : Duration(nanoseconds: sum)
  }

  /// Returns the difference.
  public static func - (left: Duration, right: Duration) -> Duration {
    let (difference, isBeyond) = left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
    return isBeyond ? bound(isNegative: left < .zero) : Duration(nanoseconds: difference)
  }

  /// Returns `count` times the duration.
  static func * (duration: Duration, count: some BinaryInteger) -> Duration {
    let count = Int64(clamping: count)
    let (product, isBeyond) = duration.nanoseconds.multipliedReportingOverflow(by: count)
    return isBeyond ? bound(isNegative: (duration < .zero) != (count < 0)) : Duration(nanoseconds: product)
  }

  /// Returns `factor` times the duration, rounded towards zero to whole nanoseconds. It is zero if the product is not a
  /// number.
  static func * (duration: Duration, factor: Double) -> Duration {
    Duration(rounding: Double(duration.nanoseconds) * factor)
  }

  /// Returns the duration divided by `count`, rounded towards zero to whole nanoseconds. `count` must not be zero.
  static func / (duration: Duration, count: some BinaryInteger) -> Duration {
    let (quotient, isBeyond) = duration.nanoseconds.dividedReportingOverflow(by: Int64(clamping: count))
    return isBeyond ? bound(isNegative: duration < .zero && count > 0) : Duration(nanoseconds: quotient)
  }

  /// Returns the ratio of the two. It is infinite or not a number if `right` is zero.
  public static func / (left: Duration, right: Duration) -> Double {
    Double(left.nanoseconds) / Double(right.nanoseconds)
  }

  private static func bound(isNegative: Bool) -> Duration { isNegative ? .mostNegative : .longest }
}

extension Duration: CustomStringConvertible {
  /// The length in seconds, as `1.5 s`.
  public var description: String { "\(seconds) s" }
}
