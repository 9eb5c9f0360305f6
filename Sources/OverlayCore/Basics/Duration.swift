/// A length of time in whole nanoseconds, which may be negative. It is at most 292 years long either way: what would be
/// longer becomes the longest.
///
/// It takes the place of the standard library's, whose 128 bits are too slow for what every packet does.
public struct Duration: Comparable, Hashable, Sendable {
  /// The length in nanoseconds.
  public let nanoseconds: Int64

  /// No time at all.
  public static var zero: Duration { Duration(nanoseconds: 0) }
  /// The longest duration.
  public static var longest: Duration { Duration(nanoseconds: .max) }
  /// The most negative duration.
  public static var mostNegative: Duration { Duration(nanoseconds: .min) }

  /// The duration of so many nanoseconds.
  public init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  /// So many nanoseconds.
  public static func nanoseconds(_ count: some BinaryInteger) -> Duration { units(count, of: 1) }

  /// So many microseconds.
  public static func microseconds(_ count: some BinaryInteger) -> Duration { units(count, of: 1_000) }

  /// So many milliseconds.
  public static func milliseconds(_ count: some BinaryInteger) -> Duration { units(count, of: 1_000_000) }

  /// So many seconds.
  public static func seconds(_ count: some BinaryInteger) -> Duration { units(count, of: 1_000_000_000) }

  /// So many seconds, of which parts of nanoseconds are cut off; zero for what is not a number.
  public static func seconds(_ count: Double) -> Duration { Duration(rounding: count * 1e9) }

  /// The length in seconds, for statistics and for products: it is exact below 104 days.
  public var seconds: Double { Double(nanoseconds) * 1e-9 }

  /// The length in seconds, of which parts are cut off.
  public var wholeSeconds: Int64 { nanoseconds / 1_000_000_000 }

  /// The shorter duration is the smaller one, and a negative one is smaller than zero.
  public static func < (left: Duration, right: Duration) -> Bool { left.nanoseconds < right.nanoseconds }

  /// A duration that is equally probable as any other of `range`.
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
  /// Both together.
  public static func + (left: Duration, right: Duration) -> Duration {
    let (sum, isBeyond) = left.nanoseconds.addingReportingOverflow(right.nanoseconds)
    return isBeyond ? bound(isNegative: left < .zero) : Duration(nanoseconds: sum)
  }

  /// What is left of `left` without `right`.
  public static func - (left: Duration, right: Duration) -> Duration {
    let (difference, isBeyond) = left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
    return isBeyond ? bound(isNegative: left < .zero) : Duration(nanoseconds: difference)
  }

  /// The duration so many times.
  public static func * (duration: Duration, count: some BinaryInteger) -> Duration {
    let count = Int64(clamping: count)
    let (product, isBeyond) = duration.nanoseconds.multipliedReportingOverflow(by: count)
    return isBeyond ? bound(isNegative: (duration < .zero) != (count < 0)) : Duration(nanoseconds: product)
  }

  /// The duration times a factor that need not be whole; zero for what is not a number.
  public static func * (duration: Duration, factor: Double) -> Duration {
    Duration(rounding: Double(duration.nanoseconds) * factor)
  }

  /// One of `count` equal parts, of which parts of nanoseconds are cut off; `count` is not zero.
  public static func / (duration: Duration, count: some BinaryInteger) -> Duration {
    let (quotient, isBeyond) = duration.nanoseconds.dividedReportingOverflow(by: Int64(clamping: count))
    return isBeyond ? bound(isNegative: duration < .zero && count > 0) : Duration(nanoseconds: quotient)
  }

  /// How many times `right` goes into `left`; infinite or not a number if `right` is zero.
  public static func / (left: Duration, right: Duration) -> Double {
    Double(left.nanoseconds) / Double(right.nanoseconds)
  }

  private static func bound(isNegative: Bool) -> Duration { isNegative ? .mostNegative : .longest }
}

extension Duration: CustomStringConvertible {
  /// The length in seconds, as `1.5 s`.
  public var description: String { "\(seconds) s" }
}
