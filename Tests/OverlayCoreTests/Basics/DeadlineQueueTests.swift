import Testing

@testable import OverlayCore

@Suite("Deadline queue")
struct DeadlineQueueTests {
  private static func at(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

  @Test("an empty queue has no deadline")
  func empty() {
    var queue = DeadlineQueue()
    #expect(queue.earliest == .distantFuture)
    #expect(queue.popDue(at: .distantFuture) == nil)
  }

  @Test("what is not due stays")
  func notDue() {
    var queue = DeadlineQueue()
    queue.schedule(7, at: Instant(nanoseconds: 10))
    #expect(queue.popDue(at: Instant(nanoseconds: 9)) == nil)
    #expect(queue.earliest == Instant(nanoseconds: 10))
    #expect(queue.popDue(at: Instant(nanoseconds: 10)) == 7)
    #expect(queue.earliest == .distantFuture)
  }

  @Test("only the earliest time asked for counts, and only once")
  func earliest() {
    var queue = DeadlineQueue()
    for seconds: UInt64 in [10, 10, 20, 5] { queue.schedule(1, at: Self.at(seconds)) }
    #expect(queue.count == 1)
    #expect(queue.popDue(at: Self.at(4)) == nil)
    #expect(queue.popDue(at: Self.at(5)) == 1)
    #expect(queue.popDue(at: Self.at(10)) == nil)
  }

  @Test("a subject that was popped can ask for any time")
  func again() {
    var queue = DeadlineQueue()
    queue.schedule(1, at: Self.at(5))
    #expect(queue.popDue(at: Self.at(5)) == 1)
    queue.schedule(1, at: Self.at(20))
    #expect(queue.popDue(at: Self.at(20)) == 1)
  }

  @Test("it behaves as a table of times does, whatever is asked for, cancelled and popped", arguments: 0..<5)
  func model(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: 90 + seed)
    var queue = DeadlineQueue()
    var model: [Int: Instant] = [:]
    for _ in 0..<4_000 {
      let time = Instant(nanoseconds: UInt64.random(in: 0..<300, using: &random))
      let subject = Int.random(in: 0..<40, using: &random)
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<60:
        queue.schedule(subject, at: time)
        model[subject] = min(model[subject] ?? time, time)
      case 60..<70:
        queue.cancel(subject)
        model[subject] = nil
      default:
        let due = model.values.min().flatMap { $0 <= time ? $0 : nil }
        let popped = queue.popDue(at: time)
        #expect(popped.flatMap { model[$0] } == due)
        if let popped { model[popped] = nil }
      }
      #expect(queue.earliest == model.values.min() ?? .distantFuture)
      #expect(queue.count == model.count)
    }
  }
}
