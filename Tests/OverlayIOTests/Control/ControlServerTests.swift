import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

/// The daemon's side of the control socket, over real pairs of sockets.
@Suite("Clients of the control socket", .hangLimit)
struct ControlServerTests {
  /// A server, and clients whose bytes come in pieces. It ends when a client has got so many lines, or is closed.
  private final class Room {
    let loop: EventLoop
    let directory: TemporaryDirectory
    var server: ControlServer?
    var commands: [String] = []
    var pending: [ControlExchange] = []
    var answers: (ControlExchange) -> Bool = { _ in true }
    var received: [UInt8] = []
    var isClosed = false
    private var clients: [EventSource<FileDescriptor>] = []
    private var end: TimerSource?

    init() throws {
      loop = try #require(EventLoop())
      directory = try TemporaryDirectory()
      server = try ControlServer(directory.file("s"), on: loop, log: Log(level: .debug, sink: NoLines())) {
        [unowned self] exchange in
        commands.append(exchange.request.command.name)
        guard answers(exchange) else { return pending.append(exchange) }
        exchange.succeed(["n": .count(commands.count)], monitors: exchange.request.command.name == "monitor")
      }
      end = try TimerSource(on: loop) { [unowned self] in loop.stop() }
      end?.start(after: .seconds(20))
    }

    /// Adds a client that writes these pieces, closes its side then if it is to, and reads if it is to; its descriptor.
    func add(
      _ pieces: [[UInt8]], saysNoMore: Bool = false, reads: Bool = true, lines: Int = .max
    ) throws -> Int32 {
      let ends = try socketPair(SOCK_STREAM)
      server?.accept(EventSource(StreamSocket(owning: FileDescriptor(owning: ends[0])), on: loop))
      let client = EventSource(FileDescriptor(owning: ends[1]), on: loop)
      clients.append(client)
      var rest = pieces[...]
      client.handle(.writable) { [unowned client] in
        guard let piece = rest.first else {
          if saysNoMore { shutdown(client.file.number, Int32(SHUT_WR)) }
          return client.cancel(.writable)
        }
        let count = ((try? SystemCall.send(client.file.number, piece[...])) ?? nil) ?? piece.count
        rest[rest.startIndex].removeFirst(count)
        if rest.first?.isEmpty == true { rest.removeFirst() }
      }
      client.start(.writable)
      client.handle(.readable) { [unowned self, unowned client] in
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var count: Int? = 0
        do { count = try SystemCall.read(client.file.number, into: &chunk) } catch {}
        guard let count else { return }
        received += chunk.prefix(count)
        isClosed = count == 0
        if isClosed || received.count(where: { $0 == 10 }) >= lines { loop.stop() }
      }
      if reads { client.start(.readable) }
      return ends[1]
    }

    var lines: [JSONValue] {
      received.split(separator: 10).map { (try? JSONValue(parsing: $0, limit: .max)) ?? .null }
    }
  }

  private static let request = Array("{\"schema\":1,\"command\":\"status\",\"id\":1}\n".utf8)

  @Test("requests in any pieces are answered in their order, blank lines passed over, and the id repeated")
  func pieces() throws {
    let room = try Room()
    let text = Array("\n{\"schema\":1,\"command\":\"peers\",\"id\":\"a\"}\r\n \n".utf8) + ControlServerTests.request
    _ = try room.add(text.map { [$0] }, lines: 2)
    room.loop.run()
    #expect(room.commands == ["peers", "status"])
    #expect(room.lines.map { $0["id"] } == ["a", 1])
    #expect(room.lines.map { $0["result"]?["n"] } == [1, 2])
    #expect(room.lines.allSatisfy { $0["ok"] == true && $0["version"]?.string == ProgramVersion.current })
  }

  static let wrong: [(String, String)] = [
    ("x", "bad_request"), ("[]", "bad_request"), ("{}", "bad_request"),
    ("{\"schema\":2,\"command\":\"status\"}", "bad_request"),
    ("{\"schema\":1}", "bad_request"), ("{\"schema\":1,\"command\":\"nothing\"}", "unknown_command"),
    ("{\"schema\":1,\"command\":\"status\",\"x\":1}", "bad_argument"),
    ("{\"schema\":1,\"command\":\"ping\"}", "bad_argument"),
    ("{\"schema\":1,\"command\":\"ping\",\"peer\":1}", "bad_argument"),
    ("{\"schema\":1,\"command\":\"ping\",\"peer\":\"a\",\"timeout_seconds\":0}", "bad_argument"),
    ("\u{1}\u{2}", "bad_request"), ("{\"schema\":1,\"schema\":1,\"command\":\"status\"}", "bad_request"),
  ]

  @Test("what is no request is an error, and the next one is served", arguments: wrong)
  func refused(line: String, code: String) throws {
    let room = try Room()
    _ = try room.add([Array(line.utf8) + [10] + ControlServerTests.request], lines: 2)
    room.loop.run()
    #expect(room.lines.map { $0["ok"] } == [false, true])
    #expect(room.lines.first?["error"]?["code"]?.string == code)
    #expect(room.lines.first?["error"]?["message"]?.string?.isEmpty == false)
  }

  @Test("a line that is too long is an error, and the client is closed")
  func tooLong() throws {
    let room = try Room()
    let piece = [UInt8](repeating: 32, count: 1 << 16)
    _ = try room.add([[UInt8]](repeating: piece, count: 20) + [ControlServerTests.request])
    room.loop.run()
    #expect(room.isClosed && room.commands.isEmpty)
    #expect(room.lines.first?["error"]?["code"] == "bad_request")
  }

  @Test("the sixty-fifth client is told so and closed, and one that leaves makes room")
  func crowd() throws {
    let room = try Room()
    for _ in 0..<ControlServer.mostClients { _ = try room.add([], reads: false) }
    _ = try room.add([ControlServerTests.request])
    room.loop.run()
    #expect(room.isClosed && room.commands.isEmpty)
    #expect(room.lines.map { $0["error"]?["code"] } == ["too_many_clients"])
  }

  @Test("the next request waits while one has no answer, and no other client does")
  func oneAfterTheOther() throws {
    let room = try Room()
    room.answers = { $0.request.command.name != "ping" }
    let ping = Array("{\"schema\":1,\"command\":\"ping\",\"peer\":\"a\"}\n".utf8)
    _ = try room.add([ping + ControlServerTests.request], reads: false)
    _ = try room.add([ControlServerTests.request], lines: 1)
    room.loop.run()
    #expect(room.commands.sorted() == ["ping", "status"])
  }

  @Test("a client that asks twice and says no more gets both answers, at once or later", arguments: [false, true])
  func halfClosed(answersLater: Bool) throws {
    let room = try Room()
    room.answers = { _ in !answersLater }
    let isHalf = Array("{\"schema\"".utf8)
    _ = try room.add([ControlServerTests.request + ControlServerTests.request + isHalf], saysNoMore: true)
    var answering: TimerSource?
    answering = try TimerSource(on: room.loop) { [unowned room] in
      room.pending.popLast()?.succeed()
      answering?.start(after: .milliseconds(50))
    }
    answering?.start(after: .milliseconds(50))
    room.loop.run()
    answering = nil
    #expect(room.isClosed && room.commands.count == 2)
    #expect(room.lines.map { $0["ok"] } == [true, true])
  }

  @Test("a client that watches gets events, and one that does not read loses them and is told how many")
  func monitors() throws {
    let room = try Room()
    var isFilled = false
    let big = JSONValue.string(String(repeating: "x", count: 1 << 18))
    room.answers = { [unowned room] exchange in
      guard exchange.request.command.name == "status" else { return true }
      // The other client, which watches, has read nothing.
      for _ in 0..<64 { room.server?.tell { ["event": "big", "text": big] } }
      isFilled = true
      return true
    }
    let watcher = try room.add([Array("{\"schema\":1,\"command\":\"monitor\"}\n".utf8)], reads: false)
    _ = try room.add([ControlServerTests.request], lines: 1)
    room.loop.run()
    #expect(isFilled && room.server?.hasMonitors == true)
    // What waits is bounded, whatever the kernel has taken of it.
    var total = 0
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while let count = try? SystemCall.read(watcher, into: &chunk), count > 0 { total += count }
    #expect(total < 64 << 18)
  }
}
