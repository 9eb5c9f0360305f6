import Testing

@testable import OverlayCore

@Suite("Drain rate")
struct DrainRateTests {
  private static func time(_ milliseconds: Int) -> Instant {
    Instant(nanoseconds: 1_000_000_000_000 + UInt64(milliseconds) * 1_000_000)
  }

  /// A circuit that takes `bytes` each 10 milliseconds and never all that there are.
  private static func measure(_ range: Range<Int>, bytes: Int, _ rate: inout DrainRate) {
    for step in range { rate.took(bytes, isBlocked: true, at: time(step * 10)) }
  }

  @Test("nothing is known of a circuit that was never too slow")
  func unknown() {
    var rate = DrainRate()
    for step in 0..<100 { rate.took(1_000_000, isBlocked: false, at: Self.time(step)) }
    #expect(rate.bytesPerSecond(at: Self.time(100)) == nil)
    #expect(rate.time(for: 1_000_000, at: Self.time(100)) == .zero)
  }

  @Test("a single full buffer says nothing: a measurement takes 20 milliseconds")
  func window() {
    var rate = DrainRate()
    rate.took(10_000, isBlocked: true, at: Self.time(0))
    rate.took(10_000, isBlocked: true, at: Self.time(19))
    #expect(rate.bytesPerSecond(at: Self.time(19)) == nil)
    rate.took(10_000, isBlocked: true, at: Self.time(20))
    let known = rate.bytesPerSecond(at: Self.time(20)) ?? 0
    // What was taken when the measurement began had been taken before.
    #expect(abs(known - 1_000_000) < 1)
  }

  @Test("a circuit that takes all within the time is not too slow, and the measurement is void")
  func void() {
    var rate = DrainRate()
    for step in 0..<100 {
      rate.took(10_000, isBlocked: step % 2 == 0, at: Self.time(step * 10))
    }
    #expect(rate.bytesPerSecond(at: Self.time(1_000)) == nil)
  }

  @Test("a steady rate is found", arguments: [100, 10_000, 1_000_000])
  func steady(_ bytes: Int) {
    var rate = DrainRate()
    Self.measure(0..<50, bytes: bytes, &rate)
    let known = rate.bytesPerSecond(at: Self.time(500)) ?? 0
    #expect(abs(known / Double(bytes * 100) - 1) < 1e-6)
    #expect(abs(rate.time(for: bytes * 100, at: Self.time(500)).seconds - 1) < 1e-6)
  }

  @Test("a change is followed, a quarter with each measurement")
  func change() {
    var rate = DrainRate()
    Self.measure(0..<41, bytes: 10_000, &rate)
    Self.measure(41..<43, bytes: 20_000, &rate)
    let once = rate.bytesPerSecond(at: Self.time(430)) ?? 0
    #expect(abs(once - 1_250_000) < 1_000)
    Self.measure(43..<123, bytes: 20_000, &rate)
    let known = rate.bytesPerSecond(at: Self.time(1_230)) ?? 0
    #expect(abs(known - 2_000_000) < 20_000)
  }

  @Test("a rate is believed for ten seconds after the circuit last was too slow")
  func validity() {
    var rate = DrainRate()
    Self.measure(0..<5, bytes: 10_000, &rate)
    #expect(rate.bytesPerSecond(at: Self.time(10_039)) != nil)
    #expect(rate.bytesPerSecond(at: Self.time(10_041)) == nil)
    // Then it begins anew, without what was.
    rate.took(10_000, isBlocked: false, at: Self.time(45))
    for step in 0..<3 { rate.took(100, isBlocked: true, at: Self.time(20_000 + 10 * step)) }
    let known = rate.bytesPerSecond(at: Self.time(20_030)) ?? 0
    #expect(abs(known - 10_000) < 1)
  }

  @Test("a circuit that takes nothing has a rate that can be divided by")
  func nothing() {
    var rate = DrainRate()
    Self.measure(0..<10, bytes: 0, &rate)
    #expect(rate.bytesPerSecond(at: Self.time(100)) == 1)
    #expect(rate.time(for: 50, at: Self.time(100)) == .seconds(50))
  }
}
