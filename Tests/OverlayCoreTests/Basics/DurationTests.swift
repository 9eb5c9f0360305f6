import Testing

@testable import OverlayCore

@Suite("Duration")
struct DurationTests {
  private static let longest = Duration.longest
  private static let mostNegative = Duration.mostNegative

  @Test(
    "each unit is so many nanoseconds, and what no clock holds is the longest there is",
    arguments: [
      (.nanoseconds(7), 7), (.milliseconds(-7), -7_000_000), (.seconds(7), 7_000_000_000),
      (.seconds(9_223_372_036), 9_223_372_036_000_000_000), (.seconds(9_223_372_037), .max),
      (.seconds(-9_223_372_036), -9_223_372_036_000_000_000), (.seconds(-9_223_372_037), .min),
      (.seconds(Int64.max), .max), (.seconds(Int64.min), .min), (.seconds(UInt64.max), .max),
      (.milliseconds(UInt32.max), 4_294_967_295_000_000), (.nanoseconds(UInt64.max), .max), (.zero, 0),
    ] as [(Duration, Int64)])
  func units(_ duration: Duration, _ nanoseconds: Int64) {
    #expect(duration.nanoseconds == nanoseconds)
  }

  @Test(
    "a number of seconds that need not be whole is cut off to nanoseconds",
    arguments: [
      (0.0, 0), (0.25, 250_000_000), (-0.25, -250_000_000), (1.9e-9, 1), (-1.9e-9, -1), (0.9e-9, 0),
      (9.3e9, .max), (-9.3e9, .min), (.infinity, .max), (-.infinity, .min), (.nan, 0),
      (.greatestFiniteMagnitude, .max), (Double(Int64.max) / 1e9, .max), (-0x1p63 / 1e9, .min),
    ] as [(Double, Int64)])
  func fractions(_ seconds: Double, _ nanoseconds: Int64) {
    #expect(Duration.seconds(seconds).nanoseconds == nanoseconds)
  }

  @Test(
    "a sum and a difference do not leave the range",
    arguments: [
      (.seconds(1), .milliseconds(500), .milliseconds(1_500), .milliseconds(500)),
      (.seconds(1), .seconds(-3), .seconds(-2), .seconds(4)),
      (.longest, .nanoseconds(1), .longest, .nanoseconds(.max - 1 as Int64)),
      (.longest, .nanoseconds(-1), .nanoseconds(.max - 1 as Int64), .longest),
      (.mostNegative, .nanoseconds(-1), .mostNegative, .nanoseconds(.min + 1 as Int64)),
      (.mostNegative, .nanoseconds(1), .nanoseconds(.min + 1 as Int64), .mostNegative),
      (.longest, .longest, .longest, .zero), (.mostNegative, .mostNegative, .mostNegative, .zero),
      (.longest, .mostNegative, .nanoseconds(-1), .longest), (.zero, .mostNegative, .mostNegative, .longest),
    ] as [(Duration, Duration, Duration, Duration)])
  func sums(_ left: Duration, _ right: Duration, _ sum: Duration, _ difference: Duration) {
    #expect(left + right == sum)
    #expect(left - right == difference)
  }

  @Test(
    "neither does a product",
    arguments: [
      (.seconds(2), 3, .seconds(6)), (.seconds(2), -3, .seconds(-6)), (.seconds(2), 0, .zero),
      (.longest, 1, .longest), (.longest, 2, .longest), (.longest, -2, .mostNegative),
      (.mostNegative, 2, .mostNegative),
      (.mostNegative, -1, .longest), (.mostNegative, -2, .longest), (.nanoseconds(-1), Int.min, .longest),
    ] as [(Duration, Int, Duration)])
  func products(_ duration: Duration, _ count: Int, _ product: Duration) {
    #expect(duration * count == product)
  }

  @Test(
    "nor one with a factor that need not be whole",
    arguments: [
      (.seconds(2), 1.25, .milliseconds(2_500)), (.seconds(2), -0.5, .seconds(-1)),
      (.nanoseconds(3), 0.5, .nanoseconds(1)),
      (.longest, 2.0, .longest), (.longest, -2.0, .mostNegative), (.seconds(1), .infinity, .longest),
      (.seconds(1), .nan, .zero), (.zero, .infinity, .zero),
    ] as [(Duration, Double, Duration)])
  func fractionalProducts(_ duration: Duration, _ factor: Double, _ product: Duration) {
    #expect(duration * factor == product)
  }

  @Test(
    "a part is cut off to nanoseconds",
    arguments: [
      (.seconds(6), 4, .milliseconds(1_500)), (.nanoseconds(7), 2, .nanoseconds(3)),
      (.nanoseconds(-7), 2, .nanoseconds(-3)),
      (.mostNegative, 1, .mostNegative), (.mostNegative, -1, .longest), (.longest, -1, .nanoseconds(-Int64.max)),
    ] as [(Duration, Int, Duration)])
  func parts(_ duration: Duration, _ count: Int, _ part: Duration) {
    #expect(duration / count == part)
  }

  @Test("a ratio and the number of seconds are what statistics are made of")
  func numbers() {
    #expect(Duration.seconds(3) / .seconds(2) == 1.5)
    #expect(Duration.seconds(3) / .milliseconds(-500) == -6)
    #expect((Duration.seconds(3) / .zero).isInfinite)
    #expect(Duration.milliseconds(2_500).seconds == 2.5)
    #expect(Duration.milliseconds(2_999).wholeSeconds == 2)
    #expect(Duration.milliseconds(-2_999).wholeSeconds == -2)
    #expect(Self.longest.wholeSeconds == 9_223_372_036)
    #expect(Self.mostNegative.seconds == -0x1p63 * 1e-9)
    #expect(Duration.milliseconds(1_500).description == "1.5 s")
  }

  @Test("the shorter one is the smaller one, and negative ones are smaller than zero")
  func order() {
    let ordered: [Duration] = [Self.mostNegative, .seconds(-1), .nanoseconds(-1), .zero, .nanoseconds(1), Self.longest]
    #expect(ordered.shuffled().sorted() == ordered)
  }

  @Test("a random one lies within its bounds, which are among them")
  func random() {
    var random = SeededGenerator(seed: 700)
    let range = Duration.nanoseconds(-2)...Duration.nanoseconds(2)
    let drawn = Set((0..<1_000).map { _ in Duration.random(in: range, using: &random) })
    #expect(drawn == Set((-2...2).map { .nanoseconds($0) }))
    #expect(Duration.random(in: .longest ... .longest, using: &random) == .longest)
  }
}
