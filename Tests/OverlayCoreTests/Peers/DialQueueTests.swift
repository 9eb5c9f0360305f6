import Testing

@testable import OverlayCore

@Suite("Turns to dial")
struct DialQueueTests {
  private static let start = Instant(nanoseconds: 1_000_000_000_000)

  @Test("so many circuits are dialled at the same time, and others than configured peers have half of them")
  func limit() {
    var dials = DialQueue(limit: 8, rate: 100)
    let others = (0..<20).count { _ in dials.take(isConfigured: false, at: Self.start) }
    #expect(others == 4)
    let configured = (0..<20).count { _ in dials.take(isConfigured: true, at: Self.start) }
    #expect(configured == 4)
    dials.ended()
    let taken = [false, true].map { dials.take(isConfigured: $0, at: Self.start) }
    #expect(taken == [false, true])
    #expect(dials.inFlight == 8)
  }

  @Test("so many are begun a second, and others than configured peers have half of those")
  func rate() {
    var dials = DialQueue(limit: 1_000, rate: 10)
    var counts: [Int] = []
    for isConfigured in [false, true] {
      var dials = dials
      var count = 0
      for tenth in 0...100 {
        let now = Self.start + .milliseconds(100 * tenth)
        while dials.take(isConfigured: isConfigured, at: now) { count += 1 }
      }
      counts.append(count)
    }
    #expect((54...55).contains(counts[0]) && (109...110).contains(counts[1]))
    for _ in 0..<20 { _ = dials.take(isConfigured: false, at: Self.start) }
    let left = (0..<20).count { _ in dials.take(isConfigured: true, at: Self.start) }
    #expect(left == 5)
  }

  @Test("who waits is dialled in order, once, as soon as a circuit may be dialled")
  func queue() throws {
    var dials = DialQueue(limit: 2, rate: 100)
    let names = try (1...3 as ClosedRange<UInt64>).map { try OnionName.sample($0) }
    for _ in 0..<2 { #expect(dials.take(isConfigured: true, at: Self.start) == true) }
    for name in names + names { dials.wait(name) }
    let none = dials.next(at: Self.start)
    #expect(none == nil)
    dials.ended()
    #expect(dials.isWaiting(names[0]))
    let next = dials.next(at: Self.start)
    #expect(next == names[0])
    #expect(!dials.isWaiting(names[0]))
    dials.wait(names[0])
    let rest = (0..<4).map { _ in dials.next(at: Self.start) }
    #expect(rest == [names[1], names[2], names[0], nil])
    #expect(!dials.isAwaited)
  }

  @Test("a queue that is never empty takes no more memory than those who wait in it")
  func neverEmpty() throws {
    var dials = DialQueue(limit: 2, rate: 100)
    for name in try (1...4 as ClosedRange<UInt64>).map({ try OnionName.sample($0) }) { dials.wait(name) }
    for _ in 0..<1_000 { if let next = dials.next(at: Self.start) { dials.wait(next) } }
    #expect(dials.isAwaited)
    #expect(dials.queue.count <= 8)
  }
}
