import Testing

@testable import OverlayCore

@Suite("The check whether this host is found by its address")
struct LookupCheckTests {
  private let now = Instant(nanoseconds: 1_000_000_000)

  /// What the service with an index says.
  private enum Answer { case ownName, lie, silence, absent }

  /// Does one check, where the services say this by their index, and nobody serves others. Returns when it began, the
  /// indices that were asked, and what is found, if that is news.
  private func check(
    _ check: inout LookupCheck, _ answers: [Answer], random: Double = 0.5
  ) -> (time: Instant, indices: [UInt8], news: LookupFinding?)? {
    let began = check.nextStep
    var indices: [UInt8] = []
    while true {
      guard case .refresh(let refreshed)? = check.step(at: check.nextStep) else { return nil }
      let time = check.nextStep
      guard case .ask(let index)? = check.step(at: time), index == refreshed else { return nil }
      indices.append(index)
      let answer = answers.indices.contains(Int(index)) ? answers[Int(index)] : .absent
      if answer == .ownName { check.wasTold() }
      let end: LookupCheck.Answer =
        switch answer {
        case .ownName, .lie: .other
        case .silence: .silence
        case .absent: .absent
        }
      let news = check.ended(end, at: time, random: random)
      if answer == .ownName || answer == .absent || index == 3 { return (began, indices, news) }
      guard news == nil, check.nextStep == time else { return nil }
    }
  }

  @Test("nothing is done before it begins, nor after it stops")
  func stopped() {
    var check = LookupCheck()
    #expect(check.step(at: .distantFuture) == nil && check.nextStep == .distantFuture)
    check.begin(at: now, random: 0.5)
    #expect(check.nextStep == now + .seconds(15 * 60))
    check.pause()
    #expect(check.step(at: .distantFuture) == nil)
    check.begin(at: now, random: 0)
    check.stop()
    #expect(check.step(at: .distantFuture) == nil && check.finding == .unknown)
  }

  @Test("Tor looks for the service anew, and is asked a little later; with the name told all stays as it is")
  func found() {
    var check = LookupCheck()
    check.begin(at: now, random: 0)
    #expect(check.step(at: now) == .refresh(index: 0))
    #expect(check.step(at: now) == nil)
    #expect(check.step(at: now + .seconds(10)) == .ask(index: 0))
    #expect(check.nextStep == .distantFuture)
    check.wasTold()
    #expect(check.ended(.other, at: now + .seconds(11), random: 0.5) == .found(at: 0))
    #expect(check.nextStep == now + .seconds(11 + 30 * 60))
    for _ in 0..<100 {
      let next = self.check(&check, [.ownName])
      #expect(next?.indices == [0] && next?.news == nil)
    }
    #expect(check.finding == .found(at: 0))
  }

  @Test("it asks on where it is lied to, and no further where nobody is; what fails twice in a row is told once")
  func hidden() {
    var check = LookupCheck()
    check.begin(at: now, random: 0)
    let first = self.check(&check, [.lie])
    #expect(first?.indices == [0, 1] && first?.news == nil && check.finding == .unknown)
    #expect(check.nextStep == (first?.time ?? now) + .seconds(3 * 60 + 20), "sooner, to be sure")
    #expect(self.check(&check, [.ownName])?.news == .found(at: 0))
    #expect(self.check(&check, [.lie])?.news == nil)
    #expect(self.check(&check, [.lie])?.news == .missing(1))
    for _ in 0..<10 { #expect(self.check(&check, [.lie])?.news == nil, "it was told") }
    #expect(self.check(&check, [.lie, .ownName])?.news == .found(at: 1))
    for (answers, expected) in [
      ([.lie, .lie], .missing(2)), ([.lie, .lie, .lie, .lie], .hidden), ([], .missing(0)),
    ] as [([Answer], LookupFinding)] {
      #expect(self.check(&check, [.lie, .ownName])?.news != .missing(1))
      #expect(self.check(&check, answers)?.news == nil)
      #expect(self.check(&check, answers)?.news == expected)
      #expect(self.check(&check, answers)?.news == nil && check.finding == expected)
    }
  }

  @Test("where Tor says nothing of any of them, as without a network, nobody else is blamed")
  func silence() {
    var check = LookupCheck()
    check.begin(at: now, random: 0)
    for _ in 0..<10 {
      #expect(self.check(&check, [.silence, .silence, .silence, .silence])?.indices == [0, 1, 2, 3])
      #expect(check.finding == .unknown)
    }
    #expect(self.check(&check, [.ownName])?.news == .found(at: 0))
    for answers in [[.silence, .lie, .silence, .silence], [.lie, .silence, .silence, .silence]] as [[Answer]] {
      #expect(self.check(&check, answers)?.news == nil)
      #expect(self.check(&check, answers)?.news == .hidden)
      #expect(self.check(&check, [.silence, .ownName])?.news == .found(at: 1))
    }
  }

  @Test("a question that could not be asked says nothing")
  func postponed() {
    var check = LookupCheck()
    check.begin(at: now, random: 0)
    for _ in 0..<10 {
      _ = check.step(at: check.nextStep)
      let time = check.nextStep
      _ = check.step(at: time)
      check.postpone(at: time, random: 0.5)
      #expect(check.nextStep == time + .seconds(3 * 60))
    }
    #expect(check.finding == .unknown)
    #expect(check.ended(.absent, at: now, random: 0) == nil, "nothing was asked")
  }

  @Test("over 1,000 days the times of two identities that began together have nothing in common")
  func unlinkable() {
    var times: [[Double]] = []
    for seed in UInt64(1)...2 {
      var (check, random) = (LookupCheck(), SeededGenerator(seed: seed))
      check.begin(at: now, random: Double.random(in: 0..<1, using: &random))
      var own: [Double] = []
      while let (time, _, _) = self.check(&check, [.ownName], random: Double.random(in: 0..<1, using: &random)),
        time < now + .seconds(1_000 * 86_400)
      {
        own.append((time - now).seconds)
      }
      times.append(own)
    }
    #expect(times.allSatisfy { (40_000...56_000).contains($0.count) }, "every half an hour in the mean")
    // The time from each of one to the next of the other: were they linked, it would gather somewhere.
    var counts = [Int](repeating: 0, count: 10)
    var place = 0
    for time in times[0] {
      while place < times[1].count, times[1][place] < time { place += 1 }
      guard place < times[1].count else { break }
      counts[min(9, Int((times[1][place] - time) / 90))] += 1
    }
    // For two that have nothing to do with each other it lies in the first 15 minutes evenly, as no pause is shorter.
    let even = Double(times[0].count) * 90 / 1_810
    for count in counts.prefix(9) { #expect(abs(Double(count) - even) < even / 10, "\(counts)") }
  }
}
