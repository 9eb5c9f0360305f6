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

  @Test("Each that is served in a wake-up knows how many are served in it, and one alone that it is alone")
  func crowd() throws {
    let loop = try #require(EventLoop())
    let pipes = try (0..<5).map { _ in try readablePipe() }
    var crowds: [Int] = []
    var sources: [EventSource] = []
    for ends in pipes {
      sources.append(
        EventSource(.readable(ends[0]), on: loop) {
          var byte: UInt8 = 0
          _ = read(ends[0], &byte, 1)
          crowds.append(loop.crowd)
          // After the wake-up of all, one of the first alone.
          if crowds.count == pipes.count { _ = write(pipes[0][1], [1 as UInt8], 1) }
          if crowds.count > pipes.count { loop.stop() }
        })
    }
    for source in sources { source.start() }
    loop.run()
    sources = []
    for number in pipes.joined() { close(number) }
    #expect(crowds == [5, 5, 5, 5, 5, 1])
  }
}
