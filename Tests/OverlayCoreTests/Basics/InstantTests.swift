import Testing

@testable import OverlayCore

@Suite("Instant")
struct InstantTests {
  @Test(
    "a duration moves it, never out of its range",
    arguments: [
      (5, .nanoseconds(3), 8), (5, .nanoseconds(-3), 2), (5, .nanoseconds(-6), 0),
      (0, .seconds(2), 2_000_000_000), (2_500_000_000, .milliseconds(-1_500), 1_000_000_000),
      (5, .seconds(Int64.max / 1_000_000_000), UInt64(Int64.max) / 1_000_000_000 * 1_000_000_000 + 5),
      (UInt64.max, .zero, UInt64(Int64.max)),
      (UInt64(Int64.max), .nanoseconds(1), UInt64(Int64.max)),
      (UInt64(Int64.max), .longest, UInt64(Int64.max)), (UInt64(Int64.max), .nanoseconds(-Int64.max), 0),
      (0, .longest, UInt64(Int64.max)), (0, .mostNegative, 0), (UInt64(Int64.max), .mostNegative, 0),
    ] as [(UInt64, Duration, UInt64)])
  func sum(_ start: UInt64, _ duration: Duration, _ end: UInt64) {
    #expect(Instant(nanoseconds: start) + duration == Instant(nanoseconds: end))
  }

  @Test("a duration that no clock holds leads to the distant future")
  func endless() {
    #expect(Instant(nanoseconds: 5) + .seconds(Int64.max / 1_000_000_000 + 1) == .distantFuture)
    #expect(Instant(nanoseconds: 5) + .seconds(Int64.max) == .distantFuture)
    #expect(Instant(nanoseconds: 5) + .seconds(Int64.min) == Instant(nanoseconds: 0))
  }

  @Test("the difference of two may be negative")
  func difference() {
    #expect(Instant(nanoseconds: 7) - Instant(nanoseconds: 5) == .nanoseconds(2))
    #expect(Instant(nanoseconds: 5) - Instant(nanoseconds: 7) == .nanoseconds(-2))
  }

  @Test("nothing is later than the distant future, and its distance from the clock's start is a duration")
  func distantFuture() {
    #expect(Instant(nanoseconds: .max) == .distantFuture)
    #expect(Instant(nanoseconds: 1 << 63) == .distantFuture)
    #expect(Instant.distantFuture - Instant(nanoseconds: 0) == .longest)
    #expect(Instant(nanoseconds: 0) - .distantFuture == .nanoseconds(-Int64.max))
    #expect(Instant(nanoseconds: UInt64(Int64.max) - 1) < .distantFuture)
  }
}
