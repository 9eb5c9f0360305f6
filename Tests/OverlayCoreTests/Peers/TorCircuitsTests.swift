import Testing

@testable import OverlayCore

@Suite("Connections by the Tor circuit that they came through")
struct TorCircuitsTests {
  private let start = Instant(nanoseconds: 1_000_000_000_000)

  @Test("one circuit has 16 at a time, and then two new ones a second")
  func one() {
    var circuits = TorCircuits()
    for _ in 0..<16 { #expect(circuits.enter(7, at: start) == true) }
    #expect(circuits.enter(7, at: start) == false)
    #expect(circuits.enter(7, at: start + .seconds(100)) == false, "no place")
    #expect(circuits.enter(8, at: start) == true, "another circuit has its own")
    for _ in 0..<16 { circuits.leave(7) }
    // All turns were used up in one moment.
    var fresh = TorCircuits()
    for _ in 0..<16 {
      #expect(fresh.enter(7, at: start) == true)
      fresh.leave(7)
    }
    #expect(fresh.enter(7, at: start) == false)
    #expect((0..<10).count { _ in fresh.enter(7, at: start + .seconds(1)) } == 2)
  }

  @Test("what is remembered of circuits without connections is bounded, and those with connections stay")
  func bound() {
    var circuits = TorCircuits()
    for _ in 0..<16 { #expect(circuits.enter(0, at: start) == true) }
    for number in 1..<UInt32(20_000) {
      #expect(circuits.enter(number, at: start + .milliseconds(Int(number))) == true)
      circuits.leave(number)
      #expect(circuits.count <= TorCircuits.remembered + 2)
    }
    #expect(circuits.enter(0, at: start + .seconds(3_600)) == false)
    circuits.leave(99)
    #expect(circuits.enter(0, at: start + .seconds(3_601)) == false)
    circuits.leave(0)
    #expect(circuits.enter(0, at: start + .seconds(3_602)) == true)
  }
}
