import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

/// Times that the loop waits for.
@Suite(.hangLimit)
struct TimerSourceTests {
  private final class Journal {
    var entries: [String] = []
  }

  private let loop: EventLoop
  private let journal = Journal()

  init() throws {
    loop = try #require(EventLoop())
  }

  @Test("A timer comes at its deadline and not before")
  func deadline() throws {
    let deadline = loop.now + .milliseconds(20)
    var came: Instant?
    let timer = try TimerSource(on: loop) { [loop] in
      came = loop.now
      loop.stop()
    }
    timer.start(at: deadline)
    loop.run()
    #expect(try #require(came) >= deadline)
  }

  @Test("A deadline that is over comes at once, be it the clock's start", arguments: [0, 1])
  func over(nanoseconds: UInt64) throws {
    let timer = try TimerSource(on: loop) { [loop] in loop.stop() }
    timer.start(at: Instant(nanoseconds: nanoseconds))
    loop.run()
  }

  @Test("A negative time from now counts as none")
  func negative() throws {
    let timer = try TimerSource(on: loop) { [loop] in loop.stop() }
    timer.start(after: .seconds(-3))
    loop.run()
  }

  @Test("An earlier deadline replaces a later one, and a later one an earlier one")
  func replaced() throws {
    let postponed = try TimerSource(on: loop) { [journal] in journal.entries.append("postponed") }
    let hastened = try TimerSource(on: loop) { [journal] in journal.entries.append("hastened") }
    let end = try TimerSource(on: loop) { [loop] in loop.stop() }
    postponed.start(after: .milliseconds(5))
    postponed.start(after: .seconds(3_600))
    hastened.start(after: .seconds(3_600))
    hastened.start(after: .milliseconds(5))
    end.start(after: .milliseconds(40))
    loop.run()
    #expect(journal.entries == ["hastened"])
  }

  @Test("A timer comes once, and again when it is started again for the same deadline")
  func again() throws {
    let deadline = loop.now
    let end = try TimerSource(on: loop) { [loop] in loop.stop() }
    var timer: TimerSource?
    timer = try TimerSource(on: loop) { [journal] in
      journal.entries.append("came")
      if journal.entries.count == 1 { timer?.start(at: deadline) } else { end.start(after: .milliseconds(20)) }
    }
    timer?.start(at: deadline)
    loop.run()
    timer = nil
    #expect(journal.entries == ["came", "came"])
  }

  @Test("A timer may be dropped by what it does")
  func dropped() throws {
    var timer: TimerSource?
    timer = try TimerSource(on: loop) { [loop, journal] in
      timer = nil
      journal.entries.append("dropped")
      loop.stop()
    }
    timer?.start(after: .zero)
    loop.run()
    #expect(journal.entries == ["dropped"] && timer == nil)
  }

  @Test("One that comes in the same turn of the loop as it is postponed does not come")
  func postponedInItsTurn() throws {
    var timers: [TimerSource] = []
    for _ in 0..<2 {
      let number = timers.count
      timers.append(
        try TimerSource(on: loop) { [journal] in
          journal.entries.append("came")
          timers[1 - number].start(after: .seconds(3_600))
        })
    }
    let end = try TimerSource(on: loop) { [loop] in loop.stop() }
    for timer in timers { timer.start(at: Instant(nanoseconds: 1)) }
    end.start(after: .milliseconds(20))
    loop.run()
    timers = []
    #expect(journal.entries == ["came"])
  }
}
