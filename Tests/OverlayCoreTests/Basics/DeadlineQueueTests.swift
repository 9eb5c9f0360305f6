import Testing

@testable import OverlayCore

@Suite("Deadline queue")
struct DeadlineQueueTests {
  @Test("an empty queue has no deadline")
  func empty() {
    var queue = DeadlineQueue()
    #expect(queue.earliest == nil)
    #expect(queue.popDue(at: .distantFuture) == nil)
  }

  @Test("what is not due stays")
  func notDue() {
    var queue = DeadlineQueue()
    queue.insert(.tor, at: Instant(nanoseconds: 10))
    #expect(queue.popDue(at: Instant(nanoseconds: 9)) == nil)
    #expect(queue.earliest == Instant(nanoseconds: 10))
    #expect(queue.popDue(at: Instant(nanoseconds: 10))?.subject == .tor)
    #expect(queue.earliest == nil)
  }

  @Test("it behaves as a sorted array does, whatever is put in and taken out", arguments: 0..<5)
  func model(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: 90 + seed)
    var queue = DeadlineQueue()
    var model: [Instant: [DeadlineQueue.Subject]] = [:]
    let subjects: [DeadlineQueue.Subject] = [.tor, .tidying, .peer(try .sample(1)), .peer(try .sample(2))]
    for _ in 0..<2_000 {
      let time = Instant(nanoseconds: UInt64.random(in: 0..<300, using: &random))
      if Int.random(in: 0..<100, using: &random) < 60 {
        let subject = subjects[Int.random(in: 0..<4, using: &random)]
        queue.insert(subject, at: time)
        model[time, default: []].append(subject)
      } else {
        let expected = model.keys.min().flatMap { $0 <= time ? $0 : nil }
        let popped = queue.popDue(at: time)
        #expect(popped?.time == expected)
        guard let popped else { continue }
        let index = try #require(model[popped.time]?.firstIndex(of: popped.subject))
        model[popped.time]?.remove(at: index)
        if model[popped.time] == [] { model[popped.time] = nil }
      }
      #expect(queue.earliest == model.keys.min())
    }
  }
}
