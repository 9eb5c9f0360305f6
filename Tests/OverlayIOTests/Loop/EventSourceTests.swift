import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

/// Descriptors that the loop waits for.
@Suite(.hangLimit)
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
    var hasSecondCome = false
    // The number must not become that of another test's file.
    try onSeparateThread { hasSecondCome = try isSecondServed() }
    #expect(hasSecondCome)
  }

  private func isSecondServed() throws -> Bool {
    guard let loop = EventLoop() else { return false }
    let (old, other) = (try readablePipe(), try readablePipe())
    var (first, second): (EventSource<FileDescriptor>?, EventSource<FileDescriptor>?)
    var hasSecondCome = false
    first = EventSource(FileDescriptor(owning: old[0]), on: loop)
    first?.handle(.readable) {
      // Closes the file that was waited for; its number is given to another one.
      first = nil
      dup2(other[0], old[0])
      second = EventSource(FileDescriptor(owning: old[0]), on: loop)
      second?.handle(.readable) {
        hasSecondCome = true
        loop.stop()
      }
      second?.start(.readable)
    }
    let end = try TimerSource(on: loop) { loop.stop() }
    end.start(after: .seconds(5))
    first?.start(.readable)
    loop.run()
    second = nil
    for number in [old[1]] + other { close(number) }
    return hasSecondCome
  }

  @Test("What the kernel has no memory to wait for is waited for a moment later, unless it was called off meanwhile")
  func late() throws {
    let loop = try #require(EventLoop())
    let (wanted, unwanted) = (try readablePipe(), try readablePipe())
    defer { for number in [wanted[1], unwanted[1]] { close(number) } }
    var served: [String] = []
    let one = EventSource(FileDescriptor(owning: wanted[0]), on: loop)
    let other = EventSource(FileDescriptor(owning: unwanted[0]), on: loop)
    one.handle(.readable) {
      served.append("wanted")
      loop.stop()
    }
    other.handle(.readable) { served.append("unwanted") }
    let calls = FaultInjection(failing: 1, for: 2, with: ENOMEM)
    calls.run {
      other.start(.readable)
      one.start(.readable)
      other.cancel(.readable)
    }
    #expect(calls.failed == ["epoll_ctl", "epoll_ctl"])
    let end = try TimerSource(on: loop) { loop.stop() }
    end.start(after: .seconds(20))
    loop.run()
    #expect(served == ["wanted"])
  }

  @Test("Each that is served in a wake-up knows how many are served in it, and one alone that it is alone")
  func crowd() throws {
    let loop = try #require(EventLoop())
    let pipes = try (0..<5).map { _ in try readablePipe() }
    var crowds: [Int] = []
    var sources: [EventSource<FileDescriptor>] = []
    for ends in pipes {
      let source = EventSource(FileDescriptor(owning: ends[0]), on: loop)
      sources.append(source)
      source.handle(.readable) {
        var byte: UInt8 = 0
        _ = read(ends[0], &byte, 1)
        crowds.append(loop.crowd)
        // After the wake-up of all, one of the first alone.
        if crowds.count == pipes.count { _ = write(pipes[0][1], [1 as UInt8], 1) }
        if crowds.count > pipes.count { loop.stop() }
      }
    }
    for source in sources { source.start(.readable) }
    loop.run()
    sources = []
    for ends in pipes { close(ends[1]) }
    #expect(crowds == [5, 5, 5, 5, 5, 1])
  }
}
