import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

/// What the service manager hears.
@Suite(.hangLimit)
struct ServiceNotifierTests {
  private let directory: TemporaryDirectory
  private let loop: EventLoop
  private let sink = Lines()
  private var log: Log { Log(level: .debug, sink: sink) }

  init() throws {
    directory = try TemporaryDirectory()
    loop = try #require(EventLoop())
  }

  private final class Lines: LogSink {
    var lines: [String] = []

    func write(_ level: LogLevel, _ line: String) -> Bool {
      lines.append(line)
      return true
    }

    func reopen() throws(SystemError) {}
  }

  /// The socket of a service manager, which takes what is sent to it.
  private final class Manager {
    let name: String
    private let socket: FileDescriptor

    init(_ name: String) throws {
      self.name = name
      socket = try SystemCall.socket(AF_UNIX, SOCK_DGRAM)
      let bytes = name.hasPrefix("@") ? [0] + Array(name.utf8.dropFirst()) : Array(name.utf8)
      try SystemCall.lend(unixName: bytes) { address, size throws(SystemError) in
        try SystemCall.bind(socket.number, to: address, size)
      }
    }

    /// What has come and was not taken yet.
    var messages: [String] {
      var (found, buffer): ([String], [UInt8]) = ([], Array(repeating: 0, count: 4096))
      while let count = try? buffer.withUnsafeMutableBytes({ try SystemCall.receive(socket.number, into: $0) }) {
        found.append(String(decoding: buffer[..<count], as: UTF8.self))
      }
      return found
    }
  }

  private func manager() throws -> Manager { try Manager(directory.file("notify")) }

  private func notifier(of manager: Manager, watchdog: String? = nil, patience: Duration = .seconds(60)) throws
    -> ServiceNotifier
  {
    let invitation = ServiceInvitation(socket: manager.name, watchdogMicroseconds: watchdog)
    return try #require(ServiceNotifier(invitation, on: loop, log: log, patience: patience))
  }

  /// Lets the loop run until `isDone`, looked at each 5 ms.
  private func run(until isDone: @escaping () -> Bool) throws {
    var timer: TimerSource?
    timer = try TimerSource(on: loop) { [loop] in
      if isDone() { loop.stop() } else { timer?.start(after: .milliseconds(5)) }
    }
    timer?.start(after: .zero)
    loop.run()
    timer = nil
  }

  @Test("A manager that cannot be told for want of memory is told a moment later", arguments: [ENOBUFS, ENOMEM])
  func shortage(number: Int32) throws {
    let manager = try manager()
    let notifier = try notifier(of: manager)
    _ = FaultInjection.run(failing: 1, with: number) { notifier.ready() }
    #expect(manager.messages == [])
    var messages: [String] = []
    try run {
      messages += manager.messages
      return !messages.isEmpty
    }
    #expect(messages == ["READY=1"] && sink.lines == [])
  }

  @Test("A manager is told at a path, and at a name in the abstract namespace", arguments: [false, true])
  func address(isAbstract: Bool) throws {
    let manager = isAbstract ? try Manager("@oncilla-test-\(getpid())") : try manager()
    let notifier = try notifier(of: manager)
    #expect(manager.messages == [])
    notifier.ready()
    #expect(manager.messages == ["READY=1"])
  }

  @Test("A start, a reload and an end are told in order, each with the sentence of its time")
  func life() throws {
    let manager = try manager()
    let notifier = try notifier(of: manager)
    notifier.say("waiting for Tor to write hostname")
    notifier.reloading()
    notifier.reloaded()
    notifier.ready()
    notifier.ready()
    notifier.say("ready")
    notifier.say("ready")
    #expect(
      manager.messages == [
        "STATUS=waiting for Tor to write hostname", "READY=1\nSTATUS=waiting for Tor to write hostname",
        "READY=1\nSTATUS=ready",
      ])
    notifier.reloading()
    let reload = try #require(manager.messages.first).split(separator: "\n")
    #expect(reload.map { $0.prefix { $0 != "=" } } == ["RELOADING", "MONOTONIC_USEC", "STATUS"])
    let time = try #require(Int64(reload[1].dropFirst("MONOTONIC_USEC=".count)))
    let now = Int64(SystemCall.now.nanoseconds / 1_000)
    #expect((now - 60_000_000...now).contains(time))
    notifier.reloaded()
    notifier.stopping(because: "the interface\nis gone")
    notifier.stopping()
    notifier.say("late")
    notifier.ready()
    #expect(manager.messages == ["READY=1\nSTATUS=ready", "STOPPING=1\nSTATUS=the interface\\nis gone"])
  }

  @Test("A manager with a watchdog hears of the loop twice in each period, and nothing while the loop hangs")
  func watchdog() throws {
    let manager = try manager()
    let notifier = try notifier(of: manager, watchdog: "40000")
    var heard = 0
    try run { [manager] in
      heard += manager.messages.count { $0 == "WATCHDOG=1" }
      return heard >= 4
    }
    usleep(100_000)
    #expect(manager.messages.isEmpty)
    withExtendedLifetime(notifier) {}
  }

  @Test("A start that waits for others is over for the manager after a while")
  func patience() throws {
    let manager = try manager()
    let notifier = try notifier(of: manager, patience: .milliseconds(10))
    var heard: [String] = []
    try run { [manager] in
      heard += manager.messages
      return !heard.isEmpty
    }
    #expect(heard == ["READY=1"])
    notifier.ready()
    #expect(manager.messages.isEmpty)
  }

  @Test("What finds the manager's queue full is told when there is room, as it is then")
  func fullQueue() throws {
    let manager = try manager()
    let notifier = try notifier(of: manager)
    notifier.ready()
    for number in 0..<2_000 { notifier.say("sentence \(number)") }
    notifier.stopping(because: "the end")
    #expect(manager.messages.last != "STOPPING=1\nSTATUS=the end")
    var heard: [String] = []
    try run { [manager] in
      heard += manager.messages
      return !heard.isEmpty
    }
    #expect(heard == ["STOPPING=1\nSTATUS=the end"])
  }

  @Test("A manager that is gone is one warning")
  func gone() throws {
    let invitation = ServiceInvitation(socket: directory.file("nobody"))
    let notifier = try #require(ServiceNotifier(invitation, on: loop, log: log))
    notifier.ready()
    notifier.say("ready")
    #expect(sink.lines.count == 1)
    #expect(sink.lines.first?.contains("tell the service manager") == true)
  }

  @Test(
    "An invitation is an absolute path or an abstract name, and a period is for the process that it names",
    arguments: [
      (nil, nil, nil, nil, nil), ("", nil, nil, nil, nil), ("/", nil, nil, nil, nil), ("relative", nil, nil, nil, nil),
      ("vsock:2:1234", nil, nil, nil, nil), ("/" + String(repeating: "a", count: 107), nil, nil, nil, nil),
      ("/run/notify", nil, nil, "/run/notify", nil), ("@name", nil, nil, "\0name", nil),
      ("/n", "30000000", nil, "/n", Duration.seconds(15)), ("/n", "30000000", "77", "/n", Duration.seconds(15)),
      ("/n", "30000000", "78", "/n", nil), ("/n", "30000000", "nobody", "/n", nil), ("/n", "-1", nil, "/n", nil),
      ("/n", "soon", nil, "/n", nil), ("/n", "9223372036854775807", nil, "/n", nil),
    ] as [(String?, String?, String?, String?, Duration?)])
  func invitation(socket: String?, period: String?, process: String?, address: String?, expected: Duration?) {
    let invitation = ServiceInvitation(
      socket: socket, watchdogMicroseconds: period, watchdogProcess: process, process: 77)
    #expect(invitation.address == address.map { Array($0.utf8) })
    #expect(invitation.watchdogInterval == expected)
  }

  @Test("Who is not invited tells nothing, and child processes are not invited")
  func uninvited() throws {
    #expect(ServiceNotifier(ServiceInvitation(socket: nil), on: loop, log: log) == nil)
    setenv("ONCILLA_TEST_VARIABLE", "once", 1)
    #expect(SystemCall.takeVariable("ONCILLA_TEST_VARIABLE") == "once")
    #expect(SystemCall.takeVariable("ONCILLA_TEST_VARIABLE") == nil)
  }
}
