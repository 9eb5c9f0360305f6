import Testing

@testable import OverlayCore

@Suite("Growth of lanes for bulk")
struct LaneGrowthTests {
  private var growth = LaneGrowth()
  private var now = Instant(nanoseconds: 1_000_000_000_000)

  /// Circuits take `rate` bytes a second for so long, and are full for a part of the time.
  private mutating func carry(_ rate: Int, for seconds: Double, fullness: Double = 1) {
    for step in 0..<Int(seconds * 100) {
      now = now + .milliseconds(10)
      growth.took(rate / 100, at: now)
      let isFull = Double(step % 10) < fullness * 10
      growth.note(stands: isFull, isFull: isFull, at: now)
    }
  }

  @Test(
    "a transfer of less than a megabyte causes no circuit at all, however long it takes", arguments: [5_000, 490_000])
  mutating func short(_ rate: Int) {
    carry(rate, for: 999_000 / Double(rate))
    #expect(!growth.wantsAnother(beside: 0, at: now))
    carry(rate, for: 10_000 / Double(rate))
    #expect(growth.wantsAnother(beside: 0, at: now))
  }

  @Test("a long one gets a circuit of its own with the first megabyte, and no other as long as it leaves that room")
  mutating func roomy() {
    carry(5_000_000, for: 0.19, fullness: 0)
    #expect(!growth.wantsAnother(beside: 0, at: now))
    carry(5_000_000, for: 5, fullness: 0.8)
    #expect(growth.wantsAnother(beside: 0, at: now))
    #expect(!growth.wantsAnother(beside: 1, at: now))
  }

  @Test("a lull of Tor's is no end of a transfer, while packets wait")
  mutating func lull() {
    for _ in 0..<60 {
      growth.note(stands: true, isFull: true, at: now)
      now = now + .milliseconds(1_200)
      growth.took(25_000, at: now)
      growth.note(stands: true, isFull: true, at: now)
    }
    #expect(growth.wantsAnother(beside: 0, at: now))
    #expect(growth.wantsAnother(beside: 1, at: now))
  }

  @Test("a flow that leaves its circuits room gets no more of them")
  mutating func leavesRoom() {
    carry(1_000_000, for: 2)
    growth.added(at: now)
    carry(1_000_000, for: 10, fullness: 0.8)
    #expect(!growth.wantsAnother(beside: 1, at: now))
    carry(1_000_000, for: 2)
    #expect(growth.wantsAnother(beside: 1, at: now))
  }

  @Test("there are more as long as the last one brought a fifth more", arguments: [(1.1, false), (1.3, true)])
  mutating func pays(_ gain: Double, _ isWanted: Bool) {
    carry(1_000_000, for: 2)
    growth.added(at: now)
    carry(1_000_000, for: 2)
    #expect(growth.wantsAnother(beside: 1, at: now))
    growth.added(at: now)
    carry(Int(1_000_000 * gain), for: 3)
    #expect(growth.wantsAnother(beside: 2, at: now) == isWanted)
  }

  @Test("a new circuit has a second and a half to show what it brings")
  mutating func patience() {
    carry(1_000_000, for: 2)
    growth.added(at: now)
    carry(1_000_000, for: 1.4)
    #expect(!growth.wantsAnother(beside: 1, at: now))
    carry(1_000_000, for: 0.2)
    #expect(growth.wantsAnother(beside: 1, at: now))
  }

  @Test("another may be needed until the last one has brought too little, or there are as many as may be")
  mutating func mayNeed() {
    growth.most = 3
    carry(900_000, for: 1)
    #expect(!growth.mayNeedAnother(beside: 0, at: now))
    carry(1_000_000, for: 2)
    growth.added(at: now)
    #expect(growth.mayNeedAnother(beside: 1, at: now))
    carry(1_000_000, for: 2)
    growth.added(at: now)
    carry(1_000_000, for: 1)
    #expect(growth.mayNeedAnother(beside: 2, at: now))
    var useful = self
    carry(1_000_000, for: 2)
    #expect(!growth.mayNeedAnother(beside: 2, at: now))
    useful.carry(2_000_000, for: 2)
    #expect(useful.growth.mayNeedAnother(beside: 2, at: useful.now))
    #expect(!useful.growth.mayNeedAnother(beside: 3, at: useful.now))
    #expect(!useful.growth.wantsAnother(beside: 3, at: useful.now))
  }

  @Test("after one is lost another may come, whatever the others brought before")
  mutating func lost() {
    carry(1_000_000, for: 2)
    growth.added(at: now)
    carry(1_000_000, for: 2)
    growth.added(at: now)
    carry(1_050_000, for: 2)
    #expect(!growth.wantsAnother(beside: 2, at: now))
    growth.lost(leaving: 1, wasIdle: false)
    #expect(!growth.wantsAnother(beside: 1, at: now))
    carry(900_000, for: 2)
    #expect(growth.wantsAnother(beside: 1, at: now))
  }

  @Test("after one that had nothing to take none comes before another transfer or flow begins, unless another is lost")
  mutating func useless() {
    carry(1_000_000, for: 2)
    growth.added(at: now)
    growth.added(at: now)
    carry(1_000_000, for: 2)
    growth.lost(leaving: 1, wasIdle: true)
    carry(1_000_000, for: 10)
    #expect(!growth.wantsAnother(beside: 1, at: now))
    #expect(growth.wantsAnother(beside: 0, at: now))
    var (other, later) = (growth, self)
    other.begun()
    #expect(other.wantsAnother(beside: 1, at: now))
    later.growth.note(stands: false, isFull: false, at: now)
    later.now = now + .milliseconds(1_100)
    later.carry(1_000_000, for: 3)
    #expect(later.growth.wantsAnother(beside: 1, at: later.now))
  }

  @Test("a transfer is over after a second of silence, and the next one begins at nothing")
  mutating func silence() {
    for _ in 0..<5 {
      carry(900_000, for: 1)
      growth.note(stands: false, isFull: false, at: now)
      now = now + .milliseconds(1_100)
      #expect(!growth.wantsAnother(beside: 0, at: now))
    }
    carry(100_000, for: 0.1)
    #expect(!growth.wantsAnother(beside: 0, at: now))
  }
}
