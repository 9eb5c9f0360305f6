import Testing

@testable import OverlayCore

@Suite("Dial pace")
struct DialPaceTests {
  private static let start = Instant(nanoseconds: 1_000_000_000_000)

  @Test("the first attempt may be made at once")
  func first() {
    #expect(DialPace().nextAttempt(from: Self.start) == Self.start)
  }

  @Test("without failures three attempts fit into 30 seconds, the fourth waits for the first to be that old")
  func window() {
    var pace = DialPace()
    for second in 0..<3 {
      let now = Self.start + .seconds(second)
      #expect(pace.nextAttempt(from: now) == now)
      pace.attempted(at: now)
    }
    #expect(pace.nextAttempt(from: Self.start + .seconds(3)) == Self.start + .seconds(30))
    pace.attempted(at: Self.start + .seconds(30))
    #expect(pace.nextAttempt(from: Self.start + .seconds(30)) == Self.start + .seconds(31))
  }

  @Test("the pauses grow and then stay, a quarter of jitter either way", arguments: [0, 0.25, 0.5, 0.999])
  func pauses(_ jitter: Double) {
    var pace = DialPace()
    var now = Self.start
    for pause in [2, 5, 30, 60, 120, 120, 120] {
      now = now + .seconds(1_000)
      pace.attempted(at: now)
      pace.failed(at: now, jitter: jitter)
      let wait = (pace.nextAttempt(from: now) - now) / .seconds(1)
      #expect(abs(wait - Double(pause) * (0.75 + jitter / 2)) < 0.001)
    }
  }

  @Test("the first circuit that stood only shortly costs no pause, the next one does")
  func lost() {
    var pace = DialPace()
    pace.attempted(at: Self.start)
    pace.lost(at: Self.start, jitter: 0.5)
    #expect(pace.nextAttempt(from: Self.start) == Self.start)
    pace.attempted(at: Self.start)
    pace.lost(at: Self.start, jitter: 0.5)
    #expect(pace.nextAttempt(from: Self.start) == Self.start + .seconds(5))
  }

  @Test("forgiving ends the pause and begins the series anew, and keeps the window's limit")
  func forgiving() {
    var pace = DialPace()
    for _ in 0..<3 {
      pace.attempted(at: Self.start)
      pace.failed(at: Self.start, jitter: 0.5)
    }
    pace.forgive()
    #expect(pace.nextAttempt(from: Self.start) == Self.start + .seconds(30))
    let later = Self.start + .seconds(40)
    #expect(pace.nextAttempt(from: later) == later)
    pace.attempted(at: later)
    pace.failed(at: later, jitter: 0.5)
    #expect(pace.nextAttempt(from: later) == later + .seconds(2))
  }

  @Test("a sign of life allows one attempt beyond the window's limit, once in 30 seconds")
  func signOfLife() {
    var pace = DialPace()
    for _ in 0..<3 {
      pace.attempted(at: Self.start)
      pace.failed(at: Self.start, jitter: 0.5)
    }
    let now = Self.start + .seconds(5)
    pace.showedLife(at: now)
    #expect(pace.nextAttempt(from: now) == now)
    pace.attempted(at: now)
    pace.showedLife(at: now)
    #expect(pace.nextAttempt(from: now) == Self.start + .seconds(30))
    let later = now + .seconds(30)
    for _ in 0..<3 { pace.attempted(at: later) }
    pace.showedLife(at: later)
    #expect(pace.nextAttempt(from: later) == later)
  }

  @Test("who waits for a configured peer makes a pause no longer than ten seconds, and it never is shorter")
  func configured() {
    var pace = DialPace(shortestPause: DialPace.configuredPause)
    var now = Self.start
    for jitter in [0, 0.999, 0.5, 0.25, 0.75, 0.999] {
      now = now + .seconds(1_000)
      pace.attempted(at: now)
      pace.failed(at: now, jitter: jitter)
      #expect(pace.nextAttempt(from: now) >= now + .seconds(10))
      pace.hasten()
      #expect(pace.nextAttempt(from: now) == now + .seconds(10))
    }
    // Whoever waits from the start is never more than ten seconds behind.
    var attempts: [Instant] = []
    for second in 0..<200 {
      now = Self.start + .seconds(10_000 + second)
      guard pace.nextAttempt(from: now) <= now else { continue }
      pace.attempted(at: now)
      pace.failed(at: now, jitter: 0.9)
      pace.hasten()
      attempts.append(now)
    }
    #expect(zip(attempts, attempts.dropFirst()).allSatisfy { $1 - $0 == .seconds(10) })
  }

  @Test("it may be forgotten when a new one would know as much")
  func forgetting() {
    var pace = DialPace()
    #expect(pace.isForgettable(at: Self.start))
    pace.attempted(at: Self.start)
    #expect(!pace.isForgettable(at: Self.start + .seconds(29)))
    #expect(pace.isForgettable(at: Self.start + .seconds(30)))
    for _ in 0..<5 { pace.failed(at: Self.start, jitter: 0) }
    #expect(!pace.isForgettable(at: Self.start + .seconds(89)))
    #expect(pace.isForgettable(at: Self.start + .seconds(90)))
  }

  @Test(
    "whatever fails, lives or is forgiven, there are at most three attempts in 30 seconds, and one for a life sign",
    arguments: 0..<20)
  func always(_ seed: UInt64) {
    var random = SeededGenerator(seed: 100 + seed)
    var pace = DialPace()
    var now = Self.start
    var attempts: [Instant] = []
    for _ in 0..<2_000 {
      now = now + .milliseconds(Int.random(in: 0...8_000, using: &random))
      if pace.nextAttempt(from: now) <= now {
        pace.attempted(at: now)
        attempts.append(now)
      }
      switch Int.random(in: 0..<4, using: &random) {
      case 0: pace.failed(at: now, jitter: Double.random(in: 0..<1, using: &random))
      case 1: pace.forgive()
      case 2 where seed % 2 == 0: pace.showedLife(at: now)
      case 2: pace.lost(at: now, jitter: Double.random(in: 0..<1, using: &random))
      default: break
      }
    }
    #expect(attempts.count > 100)
    let limit = seed % 2 == 0 ? 4 : 3
    let tooSoon = zip(attempts, attempts.dropFirst(limit)).count { $1 - $0 < .seconds(30) }
    #expect(tooSoon == 0)
  }
}
