import Testing

@testable import OverlayCore

@Suite("The check whether this host is found by its address")
struct LookupCheckTests {
  private let now = Instant(nanoseconds: 1_000_000_000)

  /// Does one check, which ends after `answer`, and returns when it was asked, the index, and what is served anew.
  private func check(
    _ check: inout LookupCheck, isTold: Bool, random: Double = 0.5
  ) -> (time: Instant, index: UInt8, served: UInt8?)? {
    guard case .refresh? = check.step(at: check.nextStep) else { return nil }
    let time = check.nextStep
    guard case .ask(let index)? = check.step(at: time) else { return nil }
    if isTold { check.wasTold() }
    return (time, index, check.ended(at: time, random: random))
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
    #expect(check.step(at: .distantFuture) == nil && check.greatest == 0)
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
    #expect(check.ended(at: now + .seconds(11), random: 0.5) == nil)
    #expect(check.nextStep == now + .seconds(11 + 30 * 60))
    for _ in 0..<100 { #expect(self.check(&check, isTold: true)?.served == nil) }
    #expect(check.greatest == 0)
  }

  @Test("after two failures in a row the next index is served and asked, up to the last")
  func hidden() {
    var check = LookupCheck()
    check.begin(at: now, random: 0)
    let first = self.check(&check, isTold: false)
    #expect(first?.index == 0 && first?.served == nil)
    #expect(check.nextStep == (first?.time ?? now) + .seconds(3 * 60), "sooner, to be sure")
    #expect(self.check(&check, isTold: true)?.served == nil)
    #expect(self.check(&check, isTold: false)?.served == nil)
    #expect(self.check(&check, isTold: false)?.served == 1)
    #expect(self.check(&check, isTold: true)?.index == 1)
    for index in UInt8(2)...3 {
      #expect(self.check(&check, isTold: false)?.served == nil)
      #expect(self.check(&check, isTold: false)?.served == index)
    }
    for _ in 0..<10 {
      let last = self.check(&check, isTold: false)
      #expect(last?.index == 3 && last?.served == nil)
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
    #expect(check.greatest == 0)
    #expect(check.ended(at: now, random: 0) == nil, "nothing was asked")
  }

  @Test("over 1,000 days the times of two identities that began together have nothing in common")
  func unlinkable() {
    var times: [[Double]] = []
    for seed in UInt64(1)...2 {
      var (check, random) = (LookupCheck(), SeededGenerator(seed: seed))
      check.begin(at: now, random: Double.random(in: 0..<1, using: &random))
      var own: [Double] = []
      while let (time, _, _) = self.check(&check, isTold: true, random: Double.random(in: 0..<1, using: &random)),
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
