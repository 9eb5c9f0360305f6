import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("Log sinks")
struct LogSinkTests {
  /// A pipe, whose ends a test closes as it likes.
  struct Pipe {
    var reader: Int32
    var writer: Int32

    init() throws {
      var ends: [Int32] = [-1, -1]
      try SystemCall.perform("pipe") { pipe(&ends) }
      (reader, writer) = (ends[0], ends[1])
    }

    func read() -> String {
      var bytes = [UInt8](repeating: 0, count: 65_536)
      let count = Glibc.read(reader, &bytes, bytes.count)
      return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
  }

  @Test("lines for a terminal name what matters; lines for the journal carry a priority and no time")
  func forms() {
    func text(_ level: LogLevel, _ isJournal: Bool) -> String {
      StandardErrorSink.text(level, "x", isJournal: isJournal)
    }
    #expect(text(.error, false) == "oncilla: error: x\n")
    #expect(text(.warning, false) == "oncilla: warning: x\n")
    #expect(text(.notice, false) == "oncilla: x\n")
    #expect(text(.debug, false) == "oncilla: x\n")
    #expect(LogLevel.allCases.map { text($0, true) } == ["<3>x\n", "<4>x\n", "<5>x\n", "<6>x\n", "<7>x\n"])
  }

  @Test("the journal is known by device and inode of the stream that it reads")
  func journal() throws {
    let pipe = try Pipe()
    defer { [pipe.reader, pipe.writer].forEach { close($0) } }
    var status = stat()
    #expect(fstat(pipe.writer, &status) == 0)
    let right = "\(status.st_dev):\(status.st_ino)"
    for (stream, expected) in [
      (right, "<5>x\n"), ("\(right)1", "oncilla: x\n"), ("", "oncilla: x\n"), (nil, "oncilla: x\n"),
    ] {
      #expect(StandardErrorSink(descriptor: pipe.writer, journalStream: stream).write(.notice, "x"))
      #expect(pipe.read() == expected)
    }
  }

  @Test("a reader that does not read loses lines and holds up nobody")
  func full() throws {
    let pipe = try Pipe()
    defer { [pipe.reader, pipe.writer].forEach { close($0) } }
    let log = Log(level: .notice, sink: StandardErrorSink(descriptor: pipe.writer, journalStream: nil))
    for _ in 0..<200 { log.notice(String(repeating: "x", count: 1000)) }
    #expect(log.lost > 100)
    _ = pipe.read()
    log.notice("again")
    #expect(log.lost == 0)
    let rest = pipe.read()
    #expect(rest.hasSuffix("lines of the log could not be written\noncilla: again\n"))
  }

  @Test("a reader that is gone is no signal and no crash")
  func gone() throws {
    let pipe = try Pipe()
    close(pipe.reader)
    let sink = StandardErrorSink(descriptor: pipe.writer, journalStream: nil)
    #expect(!sink.write(.error, "x"))
    close(pipe.writer)
  }

  @Test("a descriptor that was never open loses its lines")
  func neverOpen() {
    #expect(!StandardErrorSink(descriptor: 1_000_000, journalStream: "1:1").write(.error, "x"))
  }

  @Test("a file's lines carry the time in UTC and the level; the file is its owner's and group's")
  func file() throws {
    let directory = try TemporaryDirectory()
    let mask = umask(0)
    defer { umask(mask) }
    let log = Log(level: .info, sink: try FileSink(path: directory.file("log")))
    log.notice("first")
    log.info("second")
    let lines = try directory.read("log").split(separator: "\n")
    #expect(lines.map { $0.dropFirst(24) } == [" notice first", " info second"])
    #expect(lines.allSatisfy { $0.prefix(24).hasSuffix("Z") && $0.hasPrefix("20") })
    var status = stat()
    #expect(stat(directory.file("log"), &status) == 0)
    #expect(status.st_mode & 0o777 == 0o640)
  }

  @Test("a file that was moved is opened anew, one that cannot be opened is kept")
  func reopen() throws {
    let directory = try TemporaryDirectory()
    let log = Log(level: .notice, sink: try FileSink(path: directory.file("log")))
    log.notice("one")
    rename(directory.file("log"), directory.file("log.1"))
    log.notice("two")
    log.reopen()
    log.notice("three")
    #expect(try directory.read("log.1").split(separator: "\n").count == 2)
    #expect(try directory.read("log").hasSuffix("notice three\n"))

    rename(directory.file("log"), directory.file("log.2"))
    mkdir(directory.file("log"), 0o700)
    log.reopen()
    log.notice("four")
    let kept = try directory.read("log.2").split(separator: "\n")
    #expect(kept.count == 3)
    #expect(kept[1].hasSuffix("open \(directory.file("log")): Is a directory"))
    #expect(kept[2].hasSuffix("notice four"))
  }

  @Test("a full disk loses lines and nothing else")
  func fullDisk() throws {
    let sink = try FileSink(path: "/dev/full")
    #expect(!sink.write(.notice, "x"))
    #expect(!sink.write(.notice, "y"))
  }

  @Test("a file that cannot be opened is an error that names it")
  func unopenable() {
    #expect(throws: SystemError(call: "open /nowhere/log", number: ENOENT)) {
      _ = try Log(level: .notice, target: .file("/nowhere/log"))
    }
  }

  @Test("a named pipe that nobody reads is refused and not waited for")
  func namedPipe() throws {
    let directory = try TemporaryDirectory()
    mkfifo(directory.file("log"), 0o600)
    #expect(throws: SystemError(call: "open \(directory.file("log"))", number: ENXIO)) {
      _ = try FileSink(path: directory.file("log"))
    }
  }

  @Test("standard error that is for reading alone loses its lines")
  func readOnly() throws {
    let file = try SystemCall.open("/dev/null", O_RDONLY)
    #expect(!StandardErrorSink(descriptor: file.number, journalStream: "1:1").write(.error, "x"))
  }

  /// The receiver of the system's log, which takes lines when it is asked to.
  struct Receiver: ~Copyable {
    let socket: FileDescriptor
    let path: String

    init(_ path: String, _ type: __socket_type = SOCK_DGRAM) throws {
      let socket = try SystemCall.socket(AF_UNIX, type)
      let number = socket.number
      unlink(path)
      try SocketAddress.unix(path).withSocketAddress { pointer, size throws(SystemError) in
        try SystemCall.bind(number, to: pointer, size)
      }
      self.socket = socket
      self.path = path
    }

    func take() -> String? {
      var bytes = [UInt8](repeating: 0, count: 4096)
      let count = recv(socket.number, &bytes, bytes.count, 0)
      return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
    }
  }

  @Test("the system's log gets priority, program and process, and text with percent signs as text")
  func syslog() throws {
    let directory = try TemporaryDirectory()
    let receiver = try Receiver(directory.file("log"))
    #expect(try SyslogSink(path: receiver.path).write(.debug, "%s %n %d"))
    #expect(receiver.take() == "<31>oncilla[\(getpid())]: %s %n %d")
    #expect(LogLevel.error.rawValue == LOG_ERR && LOG_DAEMON == 24)
  }

  @Test("a system's log that takes nothing loses lines and holds up nobody, and one that begins later gets them")
  func busySyslog() throws {
    let directory = try TemporaryDirectory()
    let log = Log(level: .notice, sink: try SyslogSink(path: directory.file("log")))
    log.notice("to nobody")
    #expect(log.lost == 1)
    for _ in 0..<2 {
      let receiver = try Receiver(directory.file("log"))
      log.notice("first")
      while let line = receiver.take(), !line.hasSuffix(": first") {}
      for _ in 0..<10_000 where log.lost == 0 { log.notice("more") }
      #expect(log.lost == 1)
    }
  }

  @Test("a system's log that takes no datagrams is an error that names it")
  func streamingSyslog() throws {
    let directory = try TemporaryDirectory()
    let receiver = try Receiver(directory.file("log"), SOCK_STREAM)
    let error = #expect(throws: SystemError.self) { _ = try SyslogSink(path: receiver.path) }
    #expect(error?.number == EPROTOTYPE && "\(error.map { "\($0)" } ?? "")".contains(receiver.path))
  }

  @Test(
    "times are written as RFC 3339 does",
    arguments: [
      (0, 0, "1970-01-01T00:00:00.000Z"), (951_782_400, 7, "2000-02-29T00:00:00.007Z"),
      (1_795_248_090, 123, "2026-11-21T08:01:30.123Z"), (4_102_444_799, 999, "2099-12-31T23:59:59.999Z"),
    ])
  func timestamp(seconds: Int, milliseconds: Int, text: String) {
    #expect(Timestamp(seconds: seconds, milliseconds: milliseconds).description == text)
  }
}
