import Testing

@testable import OverlayCore

@Suite("Alarm")
struct AlarmTests {
  private static func at(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

  @Test("only the earliest time asked for counts, and only once")
  func earliest() {
    var alarm = Alarm()
    #expect(alarm.set(to: Self.at(10)) == true)
    #expect(alarm.set(to: Self.at(10)) == false)
    #expect(alarm.set(to: Self.at(20)) == false)
    #expect(alarm.set(to: Self.at(5)) == true)
    #expect(alarm.rings(at: Self.at(10)) == false)
    #expect(alarm.rings(at: Self.at(5)) == true)
    #expect(alarm.rings(at: Self.at(5)) == false)
    #expect(alarm.rings(at: Self.at(10)) == false)
  }

  @Test("after it rang it can be set to any time")
  func again() {
    var alarm = Alarm()
    #expect(alarm.set(to: Self.at(5)) == true)
    #expect(alarm.rings(at: Self.at(5)) == true)
    #expect(alarm.set(to: Self.at(20)) == true)
    #expect(alarm.rings(at: Self.at(20)) == true)
  }
}
