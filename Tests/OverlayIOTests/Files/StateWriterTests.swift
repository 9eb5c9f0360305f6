import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("The writer of a state file", .hangLimit)
struct StateWriterTests {
  private final class Lines: LogSink {
    var lines: [String] = []

    func write(_ level: LogLevel, _ line: String) -> Bool {
      lines.append("\(level.name): \(line)")
      return true
    }

    func reopen() throws(SystemError) {}
  }

  /// A disk that takes 10 ms for a file, and may refuse it.
  ///
  /// `@unchecked Sendable`: what changes is touched with the mutex held alone.
  private final class Disk: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var texts: [String] = []
    private var error: SystemError?

    init() { pthread_mutex_init(mutex, nil) }

    deinit { mutex.deallocate() }

    func write(_ text: String) -> SystemError? {
      usleep(10_000)
      return locked {
        if error == nil { texts.append(text) }
        return error
      }
    }

    var written: [String] { locked { texts } }

    func refuse(_ number: Int32?) { locked { error = number.map { SystemError(call: "fsync", number: $0) } } }

    private func locked<Result>(_ body: () -> Result) -> Result {
      pthread_mutex_lock(mutex)
      defer { pthread_mutex_unlock(mutex) }
      return body()
    }
  }

  private let disk = Disk()
  private let sink = Lines()
  private let loop: EventLoop

  init() throws {
    loop = try #require(EventLoop())
  }

  private func writer(every interval: Duration) throws -> StateWriter {
    let disk = disk
    return try StateWriter("/state/leases", every: interval, on: loop, log: Log(level: .debug, sink: sink)) {
      disk.write($0)
    }
  }

  private func wait(until isDone: () -> Bool) {
    while !isDone() { usleep(2_000) }
  }

  @Test("what a disk refused is written when it takes it again, though nothing newer comes, at the end at the latest")
  func triedAgain() throws {
    disk.refuse(ENOSPC)
    var first: StateWriter? = try writer(every: .milliseconds(20))
    first?.keep("leases")
    usleep(50_000)
    #expect(disk.written == [])
    disk.refuse(nil)
    wait { disk.written == ["leases"] }
    first = nil
    disk.refuse(ENOSPC)
    var second: StateWriter? = try writer(every: .seconds(30))
    second?.keep("more leases")
    usleep(100_000)
    disk.refuse(nil)
    second = nil
    #expect(disk.written == ["leases", "more leases"])
  }

  @Test("what is given in a burst costs two writes and no wait, and the last of it is there at the end")
  func burst() throws {
    var writer: StateWriter? = try writer(every: .seconds(30))
    let start = loop.now
    // As a client that asks 227 times a second does: with a write of 10 ms for each that would be ten seconds.
    for number in 0..<1_000 { writer?.keep("\(number)") }
    #expect(loop.now - start < .seconds(5))
    writer = nil
    #expect((1...2).contains(disk.written.count))
    #expect(disk.written.last == "999")
  }

  @Test("the next write follows after the interval, with the last that was given meanwhile")
  func interval() throws {
    let writer = try writer(every: .milliseconds(300))
    let start = loop.now
    writer.keep("one")
    wait { disk.written.count == 1 }
    for number in 0..<100 { writer.keep("\(number)") }
    wait { disk.written.last == "99" }
    #expect(loop.now - start >= .milliseconds(300))
    #expect(disk.written.first == "one")
    // A third where this thread had to wait for its turn.
    #expect((2...3).contains(disk.written.count))
  }

  @Test("a disk that refuses is told once, and when that is over")
  func refused() throws {
    let writer = try writer(every: .zero)
    let (disk, sink, loop) = (disk, sink, loop)
    disk.refuse(ENOSPC)
    var count = 0
    var timer: TimerSource?
    timer = try TimerSource(on: loop) {
      count += 1
      if count == 20 { disk.refuse(nil) }
      guard sink.lines.count < 2 else { return loop.stop() }
      writer.keep("\(count)")
      timer?.start(after: .milliseconds(15))
    }
    timer?.start(after: .zero)
    loop.run()
    timer = nil
    #expect(
      sink.lines == [
        "warning: /state/leases cannot be written, and is forgotten when the daemon ends: "
          + "fsync: No space left on device", "notice: /state/leases can be written again",
      ])
    #expect(!disk.written.isEmpty)
  }
}
