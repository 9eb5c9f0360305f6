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
    searches.end(address)
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
      for _ in 0..<answers { searches.acquaintanceAnswered(address) }
      if answers == 2 {
        #expect(steps(&searches, at: Self.start) == [.fail(address)])
        continue
      }
      #expect(searches.nextDeadline == Self.start + .seconds(5))
      #expect(steps(&searches, at: Self.start + .seconds(5)) == [.askAcquaintances(address)])
      searches.asked(address, acquaintances: 1)
      #expect(steps(&searches, at: Self.start + .seconds(9)) == [])
      #expect(searches.nextDeadline == Self.start + .seconds(10), "nobody waits for the silent for longer")
      #expect(steps(&searches, at: Self.start + .seconds(10)) == [.fail(address)])
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
    searches.end(address)
    #expect(searches.begin(address, at: now) == true, "what was found is no miss")
  }

  @Test("silence is no answer: it is remembered for a minute, and never for ten")
  func silence() {
    var searches = NameSearches(asksLookupService: true)
    var now = Self.start
    for _ in 0..<6 {
      #expect(searches.begin(address, at: now) == true)
      _ = steps(&searches, at: now)
      searches.asked(address, acquaintances: 0)
      for index in LookupKey.indices {
        searches.lookedUp(address, index: index, .silence, at: now)
        _ = steps(&searches, at: now)
      }
      #expect(searches.count == 0)
      #expect(searches.isMissed(address, at: now + .seconds(59)) && !searches.isMissed(address, at: now + .seconds(60)))
      now = now + .seconds(60)
    }
  }

  @Test("of many identities each asks a part of what one would, and remembers a part")
  func shares() {
    let bounds = NodeBounds(identities: 128)
    #expect(bounds.searches * 128 <= 256 && bounds.questionsPerMinute * 128 <= 768 && bounds.missedNames * 128 <= 8_192)
    #expect(NodeBounds().searches == 20 && NodeBounds().questionsPerMinute == 60 && NodeBounds().missedNames == 4_096)
    var searches = NameSearches(asksLookupService: true, limit: 2, questionsPerMinute: 6)
    let begun = (1...10).count { number in
      searches.begin(IPv6Address(high: address.high, low: UInt64(number) << 8 | 3), at: Self.start)
    }
    #expect(begun == 2)
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

  @Test("while a name that was told is dialled nothing is asked, and if it is not reached the next index is")
  func trial() throws {
    var searches = begun()
    let name = try OnionName.sample(1)
    #expect(searches.note(name, from: .lookup) == true)
    searches.lookedUp(address, index: 0, .useless, at: Self.start)
    searches.tries(name, at: Self.start)
    #expect(searches.isTrying(address) && !searches.seeks(address) && searches.addresses.isEmpty)
    let later = Self.start + .seconds(29)
    #expect(steps(&searches, at: later) == [])
    #expect(searches.isDisproved(address, at: later) == nil)
    #expect(steps(&searches, at: later) == [.lookUp(address, index: 1)])
    #expect(searches.note(name, from: .lookup) == false, "it was tried")
    searches.lookedUp(address, index: 1, .absent, at: later)
    #expect(steps(&searches, at: later) == [.fail(address)])
  }

  @Test("names that are told while one is dialled wait, each once, and are bounded")
  func candidates() throws {
    var searches = begun()
    let first = try OnionName.sample(1)
    let twins = (0..<12).map { first.rival($0) }
    searches.tries(first, at: Self.start)
    for twin in twins + twins { #expect(searches.note(twin, from: .hearsay) == false) }
    for twin in twins.prefix(NameSearch.nameLimit - 1) {
      #expect(searches.isDisproved(address, at: Self.start)?.name == twin)
      #expect(searches.note(twin, from: .hearsay) == true)
      searches.tries(twin, at: Self.start)
    }
    #expect(searches.isDisproved(address, at: Self.start) == nil)
    #expect(searches.note(twins[11], from: .hearsay) == false, "enough were tried")
    searches.end(address)
    #expect(searches.nextDeadline == .distantFuture)
  }

  @Test("a dial of which nothing is ever heard ends the search in the end")
  func endlessTrial() throws {
    var searches = begun()
    searches.tries(try OnionName.sample(1), at: Self.start)
    #expect(searches.nextDeadline == Self.start + NameSearches.trialLimit)
    #expect(steps(&searches, at: searches.nextDeadline) == [.fail(address)])
  }

  @Test("a question for which there was no room is no miss, and acquaintances are asked all the same")
  func noRoom() {
    var searches = NameSearches(asksLookupService: true)
    #expect(searches.begin(address, at: Self.start) == true)
    #expect(searches.nextStep(at: Self.start) == .lookUp(address, index: 0))
    searches.couldNotAsk(address)
    #expect(steps(&searches, at: Self.start) == [.askAcquaintances(address)])
    searches.asked(address, acquaintances: 1)
    searches.acquaintanceAnswered(address)
    #expect(steps(&searches, at: Self.start) == [.fail(address)])
    #expect(searches.begin(address, at: Self.start) == true)
  }

  @Test("a host that was not found long ago is missed for the first time")
  func oldMisses() {
    var searches = NameSearches(asksLookupService: true)
    for time in 0..<5 {
      let now = Self.start + .seconds(Int64(3_600 * time))
      for now in [now, now + .seconds(60)] {
        #expect(searches.begin(address, at: now) == true, "\(time)")
        _ = steps(&searches, at: now)
        searches.asked(address, acquaintances: 0)
        searches.lookedUp(address, index: 0, .absent, at: now)
        #expect(steps(&searches, at: now) == [.fail(address)])
      }
    }
  }
}
