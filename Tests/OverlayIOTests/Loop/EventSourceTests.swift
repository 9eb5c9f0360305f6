import Glibc
import OverlayCore
import Testing

@testable import OverlayIO

/// Descriptors that the loop waits for.
@Suite(.timeLimit(.minutes(1)))
struct EventSourceTests {
  /// Both ends of a pipe, the first of which is readable.
  private func readablePipe() throws -> [Int32] {
    var ends: [Int32] = [0, 0]
    try SystemCall.perform("pipe") { pipe(&ends) }
    let number = ends[1]
    try SystemCall.perform("write") { write(number, [1 as UInt8], 1) }
    return ends
  }

  @Test("A source that its own handler drops is gone at once: another file may get its number, and is waited for")
  func droppedByItsHandler() throws {
    let loop = try #require(EventLoop())
    let (old, other) = (try readablePipe(), try readablePipe())
    var (first, second): (EventSource?, EventSource?)
    var hasSecondCome = false
    first = EventSource(.readable(old[0]), on: loop) {
      first = nil
      // Closes the file that was waited for, and gives its number to another one.
      dup2(other[0], old[0])
      second = EventSource(.readable(old[0]), on: loop) {
        hasSecondCome = true
        loop.stop()
      }
      second?.start()
    }
    let end = try TimerSource(on: loop) { loop.stop() }
    end.start(after: .seconds(5))
    first?.start()
    loop.run()
    second = nil
    for number in old + other { close(number) }
    #expect(hasSecondCome)
  }
}
