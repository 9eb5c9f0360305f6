import Testing

@testable import OverlayCore

@Suite("Searches for names that nobody told")
struct NameSearchesTests {
  private static let start = Instant(nanoseconds: 1_000_000_000_000)
  private let address: IPv6Address

  init() throws { address = try OnionName.sample(1).address }

  private func steps(_ searches: inout NameSearches, at now: Instant) -> [NameSearches.Step] {
    var steps: [NameSearches.Step] = []
    while let step = searches.nextStep(at: now) { steps.append(step) }
    return steps
  }

  private func begun(at now: Instant = start) -> NameSearches {
    var searches = NameSearches(asksLookupService: true)
    #expect(searches.begin(address, at: now) == true)
    #expect(steps(&searches, at: now) == [.lookUp(address, index: 0), .askAcquaintances(address)])
    searches.asked(address, acquaintances: 0)
    return searches
  }

  @Test("where Tor knows no lookup service the search is over at once")
  func absent() {
    var searches = begun()
    searches.lookedUp(address, index: 0, .absent, at: Self.start)
    #expect(steps(&searches, at: Self.start) == [.fail(address)])
    #expect(searches.count == 0)
    #expect(searches.nextDeadline == .distantFuture)
  }

  @Test("a useless answer leads to the next index, and the last index is the end")
  func useless() {
    var searches = begun()
    for index in UInt8(0)...3 {
      searches.lookedUp(address, index: index, .useless, at: Self.start)
      let expected: NameSearches.Step = index == 3 ? .fail(address) : .lookUp(address, index: index + 1)
      #expect(steps(&searches, at: Self.start) == [expected])
    }
  }

  @Test("a silent service gets another index beside it after a while, and the search ends after 30 s")
  func silent() {
    var searches = begun()
    var asked: [(UInt8, Duration)] = []
    var now = Self.start
    while searches.count > 0 {
      now = searches.nextDeadline
      for step in steps(&searches, at: now) {
        switch step {
        case .lookUp(_, let index): asked.append((index, now - Self.start))
        case .fail: #expect(now - Self.start == .seconds(30))
        case .askAcquaintances: Issue.record("there are none")
        }
      }
    }
    #expect(asked.map(\.0) == [1, 2, 3])
    #expect(asked.map(\.1) == [.seconds(8), .seconds(16), .seconds(24)])
  }

  @Test("an absent next index waits for the one before it, which may still answer")
  func absentBeside() {
    var searches = begun()
    let later = Self.start + .seconds(8)
    #expect(steps(&searches, at: later) == [.lookUp(address, index: 1)])
    searches.lookedUp(address, index: 1, .absent, at: later)
    #expect(steps(&searches, at: later + .seconds(21)) == [])
    #expect(searches.end(address) == true)
    // The question that was still open counts until its end.
    searches.lookedUp(address, index: 0, .absent, at: later)
    #expect(searches.count == 0)
  }

  @Test("acquaintances are asked twice, unless there are none, or all have said that they do not know")
  func acquaintances() {
    for answers in 0...2 {
      var searches = NameSearches(asksLookupService: false)
      #expect(searches.begin(address, at: Self.start) == true)
      #expect(steps(&searches, at: Self.start) == [.askAcquaintances(address)])
      searches.asked(address, acquaintances: 2)
      for _ in 0..<answers { searches.acquaintanceDoesNotKnow(address) }
      if answers == 2 {
        #expect(steps(&searches, at: Self.start) == [.fail(address)])
        continue
      }
      #expect(searches.nextDeadline == Self.start + .seconds(5))
      #expect(steps(&searches, at: Self.start + .seconds(5)) == [.askAcquaintances(address)])
      searches.asked(address, acquaintances: 1)
      #expect(steps(&searches, at: Self.start + .seconds(29)) == [])
      #expect(steps(&searches, at: Self.start + .seconds(30)) == [.fail(address)])
    }
  }

  @Test("what was not found is not searched for again for a minute, and for ten after the third time")
  func misses() {
    var searches = NameSearches(asksLookupService: true)
    var now = Self.start
    for pause in [60, 60, 600, 600] {
      #expect(searches.begin(address, at: now) == true)
      _ = steps(&searches, at: now)
      searches.asked(address, acquaintances: 0)
      searches.lookedUp(address, index: 0, .absent, at: now)
      #expect(steps(&searches, at: now) == [.fail(address)])
      let isEarly = searches.begin(address, at: now + .milliseconds(Int64(pause) * 1_000 - 1))
      #expect(!isEarly)
      now = now + .seconds(Int64(pause))
    }
    #expect(searches.begin(address, at: now) == true)
    #expect(searches.end(address) == true)
    #expect(searches.begin(address, at: now) == true, "what was found is no miss")
  }

  @Test("a crowd of addresses causes 20 questions at once, and 60 a minute")
  func crowd() throws {
    var searches = NameSearches(asksLookupService: true)
    var asked = 0
    var most = 0
    var open: [(IPv6Address, UInt8, Instant)] = []
    var number: UInt64 = 0
    var now = Self.start
    while now < Self.start + .seconds(600) {
      for _ in 0..<100 {
        number += 1
        _ = searches.begin(IPv6Address(high: address.high, low: number << 8 | 3), at: now)
      }
      for step in steps(&searches, at: now) {
        switch step {
        case .lookUp(let address, let index):
          asked += 1
          open.append((address, index, now + .seconds(index == 0 ? 3 : 9)))
        case .askAcquaintances(let address): searches.asked(address, acquaintances: 0)
        case .fail: break
        }
      }
      most = max(most, open.count)
      for (address, index, end) in open where end <= now { searches.lookedUp(address, index: index, .absent, at: now) }
      open.removeAll { $0.2 <= now }
      now = now + .milliseconds(100)
    }
    #expect(most == 20)
    #expect(asked <= 20 + 600)
    #expect(asked >= 600)
  }

  @Test("a question that the pace does not permit yet is due later, and never now")
  func pace() {
    var searches = NameSearches(asksLookupService: true)
    var now = Self.start
    for number in UInt64(0)..<20 {
      let address = IPv6Address(high: address.high, low: number << 8 | 3)
      guard searches.begin(address, at: now) else { continue }
      _ = steps(&searches, at: now)
      searches.asked(address, acquaintances: 0)
      searches.lookedUp(address, index: 0, .useless, at: now)
    }
    var turns = 0
    while searches.count > 0, turns < 1_000 {
      turns += 1
      while let step = searches.nextStep(at: now) {
        if case .lookUp(let address, let index) = step { searches.lookedUp(address, index: index, .useless, at: now) }
      }
      #expect(searches.nextDeadline > now)
      now = min(searches.nextDeadline, now + .seconds(1))
    }
    #expect(turns < 1_000)
  }

  @Test("a search for which there was no room is no miss")
  func abandoned() {
    var searches = begun()
    searches.lookedUp(address, index: 0, .absent, at: Self.start)
    searches.abandon(address)
    #expect(searches.count == 0)
    #expect(searches.begin(address, at: Self.start) == true)
  }
}
