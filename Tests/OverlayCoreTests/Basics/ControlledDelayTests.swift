import Testing

@testable import OverlayCore

@Suite("CoDel")
struct ControlledDelayTests {
  private static let pace = ControlledDelay.Pace(target: .milliseconds(5), interval: .milliseconds(100))

  private static func time(_ milliseconds: Double) -> Instant {
    Instant(nanoseconds: UInt64(1e12 + milliseconds * 1e6))
  }

  /// The milliseconds at which packets are dropped of a queue from which one leaves each millisecond, `delay`
  /// milliseconds after it was queued.
  private static func drops(
    _ range: Range<Int>, _ codel: inout ControlledDelay, isLast: (Int) -> Bool = { _ in false },
    delay: (Int) -> Double
  ) -> [Int] {
    range.filter { millisecond in
      let now = time(Double(millisecond))
      let queued = time(Double(millisecond) - delay(millisecond))
      return codel.shouldDrop(queued: queued, isLast: isLast(millisecond), at: now, pace)
    }
  }

  @Test("a queue that stands below the target never drops", arguments: [0, 1, 4.999])
  func below(_ delay: Double) {
    var codel = ControlledDelay()
    #expect(Self.drops(0..<5_000, &codel) { _ in delay } == [])
  }

  @Test("a queue that stands for less than an interval is a burst, and drops nothing")
  func burst() {
    var codel = ControlledDelay()
    #expect(Self.drops(0..<5_000, &codel) { $0 % 110 < 100 ? 50 : 1 } == [])
  }

  @Test("a standing queue drops after one interval, and ever more often: interval / √count")
  func control() {
    var codel = ControlledDelay()
    var expected: [Int] = []
    var next = 100.0
    for count in 1...60 {
      expected.append(Int(next.rounded(.up)))
      next += 100 / Double(count).squareRoot()
    }
    let drops = Self.drops(0..<1_200, &codel) { _ in 20 }
    #expect(drops.count > 35)
    // The clock of the queue has steps of a millisecond.
    for (drop, wanted) in zip(drops, expected) { #expect(abs(drop - wanted) <= 1) }
  }

  @Test("the last packet is never dropped, and begins the patience anew")
  func last() {
    var codel = ControlledDelay()
    #expect(Self.drops(0..<3_000, &codel, isLast: { _ in true }) { _ in 1_000 } == [])
    let drops = Self.drops(3_000..<3_300, &codel, isLast: { $0 == 3_090 }) { _ in 20 }
    #expect(drops.first == 3_191)
  }

  @Test("a single packet below the target ends the dropping at once")
  func recovery() {
    var codel = ControlledDelay()
    #expect(Self.drops(0..<1_000, &codel) { _ in 20 }.count > 20)
    #expect(Self.drops(1_000..<1_001, &codel) { _ in 4 } == [])
    #expect(Self.drops(1_001..<1_101, &codel) { _ in 20 } == [])
  }

  @Test("a queue that stands again soon drops where it left off, later it begins anew")
  func memory() {
    var soon = ControlledDelay()
    let before = Self.drops(0..<1_000, &soon) { _ in 20 }.count
    _ = Self.drops(1_000..<1_010, &soon) { _ in 1 }
    let again = Self.drops(1_010..<1_310, &soon) { _ in 20 }
    var later = ControlledDelay()
    _ = Self.drops(0..<1_000, &later) { _ in 20 }
    _ = Self.drops(1_000..<4_000, &later) { _ in 1 }
    let anew = Self.drops(4_000..<4_300, &later) { _ in 20 }
    #expect(before > 20)
    #expect(again.count > 3 * anew.count)
    #expect(anew == [4_100, 4_200, 4_271])
  }

  @Test("the pace may change at any time: a slower one waits longer")
  func pace() {
    var codel = ControlledDelay()
    let slow = ControlledDelay.Pace(target: .milliseconds(50), interval: .seconds(1))
    let drops = (0..<2_000).filter {
      codel.shouldDrop(queued: Self.time(Double($0) - 40), isLast: false, at: Self.time(Double($0)), slow)
    }
    #expect(drops == [])
  }

  @Test("patience puts off the first drop, and no longer than it is there")
  func patience() {
    var codel = ControlledDelay()
    var patient = Self.pace
    patient.patience = .seconds(3)
    func firstDrop(_ times: Range<Int>, _ pace: ControlledDelay.Pace) -> Int? {
      times.first {
        codel.shouldDrop(queued: Self.time(Double($0) - 20), isLast: false, at: Self.time(Double($0)), pace)
      }
    }
    #expect(firstDrop(0..<1_000, patient) == nil)
    #expect(firstDrop(1_000..<2_000, Self.pace) == 1_000)
    codel = ControlledDelay()
    #expect(firstDrop(2_000..<9_000, patient) == 5_100)
  }

  @Test("it decides as the pseudo-code of RFC 8289 does, whatever the queue", arguments: 0..<10 as Range<UInt64>)
  func reference(_ seed: UInt64) {
    var random = SeededGenerator(seed: 500 + seed)
    var codel = ControlledDelay()
    var model = ReferenceDelay()
    var now = 1_000.0
    var delay = 0.0
    for step in 0..<20_000 {
      now += Double.random(in: 0...3, using: &random)
      // Wanders, so that the queue stands for seconds now and then, and drains.
      delay = min(200, max(0, delay + Double.random(in: -2...2, using: &random)))
      let isLast = Int.random(in: 0..<500, using: &random) == 0
      let decision = codel.shouldDrop(
        queued: Self.time(now - delay), isLast: isLast, at: Self.time(now), Self.pace)
      let wanted = model.shouldDrop(delay: delay, isLast: isLast, at: now)
      #expect(decision == wanted, "step \(step)")
      guard decision == wanted else { return }
    }
    #expect(model.drops > 50)
  }
}

/// RFC 8289 section 5 in milliseconds, one packet at a time: where its loop would look at the next packet after a drop,
/// this one is asked for that.
private struct ReferenceDelay {
  private var firstAboveTime = 0.0
  private var dropNext = 0.0
  private var count = 0
  private var lastCount = 0
  private var isDropping = false
  private(set) var drops = 0

  mutating func shouldDrop(delay: Double, isLast: Bool, at now: Double) -> Bool {
    var isOkToDrop = false
    if delay < 5 || isLast {
      firstAboveTime = 0
    } else if firstAboveTime == 0 {
      firstAboveTime = now + 100
    } else if now >= firstAboveTime {
      isOkToDrop = true
    }
    if isDropping {
      guard isOkToDrop else {
        isDropping = false
        return false
      }
      guard now >= dropNext else { return false }
      count += 1
      dropNext += 100 / Double(count).squareRoot()
    } else {
      guard isOkToDrop else { return false }
      isDropping = true
      let delta = count - lastCount
      count = delta > 1 && now - dropNext < 16 * 100 ? delta : 1
      dropNext = now + 100 / Double(count).squareRoot()
      lastCount = count
    }
    drops += 1
    return true
  }
}
