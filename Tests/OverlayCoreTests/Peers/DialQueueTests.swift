import Testing

@testable import OverlayCore

@Suite("Turns to dial")
struct DialQueueTests {
  private static let start = Instant(nanoseconds: 1_000_000_000_000)

  @Test("so many circuits are dialled at the same time, and others than configured peers have half of them")
  func limit() {
    var turns = DialQueue(limit: 8, rate: 100)
    let others = (0..<20).count { _ in turns.take(isConfigured: false, at: Self.start) }
    #expect(others == 4)
    let configured = (0..<20).count { _ in turns.take(isConfigured: true, at: Self.start) }
    #expect(configured == 4)
    turns.ended()
    let taken = [false, true].map { turns.take(isConfigured: $0, at: Self.start) }
    #expect(taken == [false, true])
    #expect(turns.inFlight == 8)
  }

  @Test("so many are begun a second, and others than configured peers have half of those")
  func rate() {
    var turns = DialQueue(limit: 1_000, rate: 10)
    var counts: [Int] = []
    for isConfigured in [false, true] {
      var turns = turns
      var count = 0
      for tenth in 0...100 {
        let now = Self.start + .milliseconds(100 * tenth)
        while turns.take(isConfigured: isConfigured, at: now) { count += 1 }
      }
      counts.append(count)
    }
    #expect((54...55).contains(counts[0]) && (109...110).contains(counts[1]))
    for _ in 0..<20 { _ = turns.take(isConfigured: false, at: Self.start) }
    let left = (0..<20).count { _ in turns.take(isConfigured: true, at: Self.start) }
    #expect(left == 5)
  }

  @Test("who waits is dialled in order, once, when there is a turn")
  func queue() throws {
    var turns = DialQueue(limit: 2, rate: 100)
    let names = try (1...3 as ClosedRange<UInt64>).map { try OnionName.sample($0) }
    for _ in 0..<2 { #expect(turns.take(isConfigured: true, at: Self.start) == true) }
    for name in names + names { turns.wait(name) }
    let none = turns.next(at: Self.start)
    #expect(none == nil)
    turns.ended()
    #expect(turns.isWaiting(names[0]))
    let next = turns.next(at: Self.start)
    #expect(next == names[0])
    #expect(!turns.isWaiting(names[0]))
    turns.wait(names[0])
    let rest = (0..<4).map { _ in turns.next(at: Self.start) }
    #expect(rest == [names[1], names[2], names[0], nil])
    #expect(!turns.isAwaited)
  }

  @Test("a queue that is never empty takes no more memory than those who wait in it")
  func neverEmpty() throws {
    var turns = DialQueue(limit: 2, rate: 100)
    for name in try (1...4 as ClosedRange<UInt64>).map({ try OnionName.sample($0) }) { turns.wait(name) }
    for _ in 0..<1_000 { if let next = turns.next(at: Self.start) { turns.wait(next) } }
    #expect(turns.isAwaited)
    #expect(turns.queue.count <= 8)
  }
}
