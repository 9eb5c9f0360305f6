import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("Changes of a file", .hangLimit)
struct FileChangesTests {
  private final class Lines: LogSink {
    var lines: [String] = []
    func write(_ level: LogLevel, _ line: String) -> Bool {
      lines.append(line)
      return true
    }
  }

  private let directory: TemporaryDirectory
  private let loop: EventLoop
  private let sink = Lines()

  init() throws {
    directory = try TemporaryDirectory()
    loop = try #require(EventLoop())
  }

  @Test("One that could not be seen for want of memory is told later, and is told of in the log")
  func blind() throws {
    let path = directory.file("file")
    var count = 0
    let changes = try FileChanges(of: path, on: loop, log: Log(level: .debug, sink: sink)) { [loop] in
      count += 1
      loop.stop()
    }
    // The watch of the file itself is made when it appears.
    try directory.write("file", "one")
    let end = try TimerSource(on: loop) { [loop] in loop.stop() }
    end.start(after: .seconds(20))
    let injection = FaultInjection(failing: 1, with: ENOMEM) { $0.hasPrefix("inotify_add_watch") }
    injection.run { loop.run() }
    #expect(injection.failed.count == 1 && count == 1)
    #expect(sink.lines.first?.hasPrefix("changes of \(path) are not seen for now: ") == true)
    #expect(sink.lines.last == "changes of \(path) are seen again")
    withExtendedLifetime(changes) {}
  }
}
