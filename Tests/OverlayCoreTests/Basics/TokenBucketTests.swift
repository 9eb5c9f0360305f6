import Testing

@testable import OverlayCore

@Suite("Token bucket")
struct TokenBucketTests {
  private static let start = Instant(nanoseconds: 5_000_000_000_000)

  @Test("a burst goes through at once, and no more")
  func burst() {
    var bucket = TokenBucket(rate: 10, burst: 10)
    let taken = (0..<25).count { _ in bucket.take(at: Self.start) }
    #expect(taken == 10)
  }

  @Test("after the burst it is the rate that counts")
  func rate() {
    var bucket = TokenBucket(rate: 10, burst: 10)
    for _ in 0..<10 { _ = bucket.take(at: Self.start) }
    // Asked every millisecond for ten seconds.
    let taken = (1...10_000).count { bucket.take(at: Self.start + .milliseconds($0)) }
    #expect((99...100).contains(taken))
  }

  @Test("it tells when it may happen next")
  func next() {
    var bucket = TokenBucket(rate: 10.0 / 60, burst: 2)
    #expect(bucket.nextTake(from: Self.start) == Self.start)
    for _ in 0..<2 { _ = bucket.take(at: Self.start) }
    for second in 0..<6 {
      let next = bucket.nextTake(from: Self.start + .seconds(second))
      #expect(abs((next - Self.start).seconds - 6) < 0.001)
    }
    #expect(bucket.take(at: Self.start + .milliseconds(6_001)) == true)
  }

  @Test("a long rest gives one burst, not more")
  func rest() {
    var bucket = TokenBucket(rate: 1.0 / 60, burst: 5)
    let taken = (0..<20).count { _ in bucket.take(at: Self.start + .seconds(1_000_000)) }
    #expect(taken == 5)
    #expect(bucket.take(at: Self.start + .seconds(1_000_059)) == false)
    #expect(bucket.take(at: Self.start + .seconds(1_000_061)) == true)
  }

  @Test("a time before the last one gives nothing")
  func backwards() {
    var bucket = TokenBucket(rate: 1, burst: 1)
    #expect(bucket.take(at: Self.start) == true)
    #expect(bucket.take(at: Self.start + .seconds(-100)) == false)
    #expect(bucket.take(at: Self.start + .milliseconds(900)) == false)
    #expect(bucket.take(at: Self.start + .milliseconds(1_001)) == true)
  }
}
