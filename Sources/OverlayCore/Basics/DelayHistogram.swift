/// How long things took: how often in which range, and altogether. Noting one allocates nothing.
public struct DelayHistogram: Equatable, Sendable {
  /// The longest time of each range but the last, which has no end.
  public static let bounds: [Duration] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000].map { .milliseconds($0) }

  /// How often a time of each range was noted.
  public private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
  /// The sum of all times.
  public private(set) var sum = Duration.zero

  /// How often a time was noted.
  public var count: UInt64 { counts.reduce(0, &+) }

  /// Notes a time.
  mutating func note(_ time: Duration) {
    counts[DelayHistogram.range(of: time)] &+= 1
    sum += time
  }

  // Written out: a list of bounds would be read for each packet. Most packets wait for less than a millisecond.
  private static func range(of time: Duration) -> Int {
    switch time.nanoseconds {
    case ...1_000_000: 0
    case ...2_000_000: 1
    case ...5_000_000: 2
    case ...10_000_000: 3
    case ...20_000_000: 4
    case ...50_000_000: 5
    case ...100_000_000: 6
    case ...200_000_000: 7
    case ...500_000_000: 8
    case ...1_000_000_000: 9
    case ...2_000_000_000: 10
    case ...5_000_000_000: 11
    case ...10_000_000_000: 12
    case ...20_000_000_000: 13
    case ...60_000_000_000: 14
    default: 15
    }
  }
}
