import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("A watch of the host's sleep", .hangLimit)
struct SleepWatchTests {
  @Test("A long sleep is told once, a short one is not, and neither is what was slept before")
  func sleeps() throws {
    let loop = try #require(EventLoop())
    var asleep = [500, 500, 530, 4_130, 4_130, 4_190].map { Duration.seconds($0) }
    var told: [Duration] = []
    let watch = try SleepWatch(
      on: loop, every: .milliseconds(5),
      asleep: {
        if asleep.count == 1 { loop.stop() }
        return asleep.count == 1 ? asleep[0] : asleep.removeFirst()
      }, handler: { told.append($0) })
    loop.run()
    #expect(told == [.seconds(3_600), .seconds(60)])
    withExtendedLifetime(watch) {}
  }

  @Test("The time asleep never runs backwards, and stands still while the host is awake")
  func clock() {
    let before = SystemCall.timeAsleep
    #expect(SystemCall.timeAsleep - before < .seconds(1))
  }
}
