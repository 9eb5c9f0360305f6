import OverlayCore
import OverlayIO
import Testing

@Suite("Log limiter")
struct LogLimiterTests {
  enum Kind: CaseIterable { case refused, malformed }

  func second(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

  @Test("five lines of a kind pass in a minute, the rest is counted and told afterwards")
  func burst() {
    var limiter = LogLimiter<Kind>()
    let verdicts = (0..<8).map { limiter.admit(.refused, at: second($0)) }
    #expect(verdicts == Array(repeating: .write(afterSuppressed: 0), count: 5) + Array(repeating: .suppress, count: 3))
    #expect(limiter.admit(.refused, at: second(59)) == .suppress)
    #expect(limiter.admit(.refused, at: second(60)) == .write(afterSuppressed: 4))
    #expect(limiter.admit(.refused, at: second(61)) == .write(afterSuppressed: 0))
  }

  @Test("one kind does not use up another's lines")
  func kinds() {
    var limiter = LogLimiter<Kind>(burst: 1)
    #expect(limiter.admit(.refused, at: second(0)) == .write(afterSuppressed: 0))
    #expect(limiter.admit(.refused, at: second(1)) == .suppress)
    #expect(limiter.admit(.malformed, at: second(1)) == .write(afterSuppressed: 0))
  }

  @Test("a summary comes when the minute is over, once, without a further line")
  func summaries() {
    var limiter = LogLimiter<Kind>(burst: 1)
    _ = limiter.admit(.malformed, at: second(10))
    #expect(limiter.nextSummary == nil)
    _ = limiter.admit(.malformed, at: second(20))
    _ = limiter.admit(.malformed, at: second(30))
    _ = limiter.admit(.refused, at: second(30))
    #expect(limiter.nextSummary == second(70))
    #expect(limiter.summaries(at: second(69)).isEmpty)
    let summaries = limiter.summaries(at: second(70))
    #expect(summaries.map(\.kind) == [.malformed])
    #expect(summaries.map(\.count) == [2])
    #expect(limiter.summaries(at: second(200)).isEmpty)
    #expect(limiter.nextSummary == nil)
    #expect(limiter.admit(.malformed, at: second(201)) == .write(afterSuppressed: 0))
  }

  @Test("the summary's words")
  func words() {
    #expect(LogLimiter<Kind>.summary(7) == "7 more like this")
  }
}
