import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("The listener that tells this host's name", .hangLimit)
struct LookupServerTests {
  private final class Lines: LogSink {
    var lines: [String] = []
    func write(_ level: LogLevel, _ line: String) -> Bool {
      lines.append(line)
      return true
    }
    func reopen() {}
  }

  /// Who connects, and what he is told until the other side closes.
  private final class Caller {
    private(set) var told: [UInt8] = []
    private(set) var isClosed = false
    private let source: EventSource<FileDescriptor>

    init(
      at path: String, saying text: String = "", reads: Bool = true, on loop: EventLoop, closed: @escaping () -> Void
    )
      throws
    {
      let socket = try SystemCall.socket(AF_UNIX, SOCK_STREAM)
      let number = socket.number
      _ = try SocketAddress.unix(path).withSocketAddress { pointer, size throws(SystemError) in
        try SystemCall.perform("connect") { Glibc.connect(number, pointer, size) }
      }
      if !text.isEmpty { try SystemCall.writeAll(number, Array(text.utf8)) }
      source = EventSource(socket, on: loop)
      source.handle(.readable) { [unowned self] in
        var chunk = [UInt8](repeating: 0, count: 256)
        let count: Int
        do { count = try SystemCall.read(number, into: &chunk) ?? 0 } catch { count = 0 }
        told += chunk.prefix(count)
        if count == 0 {
          isClosed = true
          source.cancel(.readable)
          closed()
        }
      }
      if reads { source.start(.readable) }
    }

    func read() { source.start(.readable) }
  }

  private let directory: TemporaryDirectory
  private let loop: EventLoop
  private let sink = Lines()
  private let log: Log
  private let name: OnionName

  init() throws {
    directory = try TemporaryDirectory()
    loop = try #require(EventLoop())
    log = Log(level: .debug, sink: sink)
    name = try OnionName("657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd")
  }

  private func run(until isDone: @escaping () -> Bool) throws {
    let timeout = try TimerSource(on: loop) { [loop] in loop.stop() }
    timeout.start(after: .seconds(20))
    if !isDone() { loop.run() }
    #expect(isDone())
  }

  @Test("100 at once are told a line each and let go, whatever they say and whether or not they read")
  func crowd() throws {
    let path = directory.file("lookup")
    let server = try LookupServer(.unix(path), telling: name, on: loop, log: log)
    let before = try SystemCall.names(in: "/proc/self/fd", limit: 10_000).count
    var open = 100
    var callers: [Caller] = []
    // Each keeps all of them.
    defer { callers = [] }
    for number in 0..<100 {
      let words = number % 4 == 0 ? "GET / HTTP/1.0\r\n\r\n" : ""
      callers.append(
        try Caller(at: path, saying: words, reads: number % 2 == 0, on: loop) { [loop] in
          open -= 1
          // Whoever has not read yet is told by the kernel, and nobody here waits for him.
          if open == 50 { for (number, caller) in callers.enumerated() where number % 2 == 1 { caller.read() } }
          if open == 0 { loop.stop() }
        })
    }
    try run { open == 0 }
    for caller in callers { #expect(caller.isClosed && caller.told == Array("\(name)\n".utf8)) }
    // Tests beside this one have descriptors, too.
    #expect(try SystemCall.names(in: "/proc/self/fd", limit: 10_000).count < before + 100 + 90)
    withExtendedLifetime(server) {}
  }

  @Test("a listener that others than this host reach is warned of")
  func open() throws {
    let server = try LookupServer(.ipv4(IPv4Address(value: 0), port: 0), telling: name, on: loop, log: log)
    #expect(sink.lines.count == 1 && sink.lines[0].contains("whoever reaches it there learns this host's name"))
    #expect(!sink.lines[0].contains(name.label))
    withExtendedLifetime(server) {}
  }

  // MARK: - The services

  private func isServed(_ path: String) -> Bool {
    (try? StreamSocket.connected(to: .unix(path), milliseconds: 1_000)) != nil
  }

  private func settings(_ mode: LookupMode, first: String, second: String?) throws -> DaemonSettings {
    let other = try OnionName("7fd22jhmqgfl45j6")
    var settings = DaemonSettings(identities: [
      .init(.onion(name), listen: []),
      .init(.onion(other), listen: [], lookupListen: second.map { .unix(directory.file($0)) }),
    ])
    settings.lookup = mode
    settings.lookupListen = .unix(directory.file(first))
    return settings
  }

  @Test("each identity that has a place for it is served there, and nobody else; what fails changes nothing")
  func services() throws {
    let other = try OnionName("7fd22jhmqgfl45j6")
    let servers = LookupServers(of: [name, other], on: loop, log: log)
    let (one, two, three) = (directory.file("one"), directory.file("two"), directory.file("three"))
    try servers.apply(settings(.ask, first: "one", second: "two"))
    #expect(!isServed(one) && !isServed(two))
    try servers.apply(settings(.serve, first: "one", second: nil))
    #expect(isServed(one))
    try servers.apply(settings(.serve, first: "one", second: "two"))
    #expect(isServed(one) && isServed(two))
    // The place of the second is taken by a file.
    try directory.write("three", "")
    #expect(throws: ListenerError.self) { try servers.apply(settings(.serve, first: "one", second: "three")) }
    #expect(isServed(one) && isServed(two) && !isServed(three))
    try servers.apply(settings(.off, first: "one", second: "two"))
    #expect(!isServed(one) && !isServed(two))
  }
}
