import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("The connection to Tor's control port")
struct TorControlPortTests {
  private let scratch: TemporaryDirectory
  private var directory: String { scratch.path }

  init() throws { scratch = try TemporaryDirectory() }

  private final class Lines: LogSink {
    var lines: [String] = []
    func write(_ level: LogLevel, _ line: String) -> Bool {
      lines.append(line)
      return true
    }
    func reopen() {}
  }

  /// A Tor that lets everybody in and answers each line with the next of its replies.
  private final class Tor {
    var heard: [String] = []
    private var listener: Listener?
    private var connection: EventSource<StreamSocket>?
    private var replies: [String]

    init(at address: SocketAddress, replies: [String], on loop: EventLoop, log: Log) throws {
      self.replies = replies
      listener = try Listener(address, on: loop, log: log) { [unowned self] stream in take(stream) }
    }

    func hangUp() { connection = nil }

    private func take(_ stream: EventSource<StreamSocket>) {
      connection = stream
      stream.handle(.readable) { [unowned self] in answer() }
      stream.start(.readable)
    }

    private func answer() {
      var buffer = [UInt8](repeating: 0, count: 4096)
      guard let connection, case .bytes(let count) = buffer.withUnsafeMutableBytes({ connection.file.read(into: $0) })
      else { return hangUp() }
      heard.append(String(decoding: buffer[..<count], as: UTF8.self))
      guard !replies.isEmpty else { return }
      let reply = Array(replies.removeFirst().utf8)
      try? SystemCall.writeAll(connection.file.descriptor, reply)
    }
  }

  private static let name = "mrswmz3infvgw3dnnzxxa4lson2hk5txpb4xu634pv7h7aebqkb5woid"
  private static let key =
    "ED25519-V3:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
  private static let replies = [
    "250-PROTOCOLINFO 1\r\n250-AUTH METHODS=NULL\r\n250 OK\r\n", "250 OK\r\n", "250 OK\r\n",
    "250-version=0.4.9\r\n"
      + "250-status/bootstrap-phase=NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY=\"Done\"\r\n250 OK\r\n",
    "250-ServiceID=\(name)\r\n250-PrivateKey=\(key)\r\n250 OK\r\n",
  ]

  @Test("a Tor that goes and comes again is told the same key, and nothing of it is logged")
  func returns() throws {
    let sink = Lines()
    let log = Log(level: .debug, sink: sink)
    let loop = try #require(EventLoop())
    let address = SocketAddress.unix("\(directory)/control")
    let again = Array(Self.replies.dropLast()) + ["250-ServiceID=\(Self.name)\r\n250 OK\r\n"]
    var tor: Tor? = try Tor(at: address, replies: Self.replies + again, on: loop, log: log)
    var added = 0
    let service = try #require(TorService(number: 0, port: 8060, target: "127.0.0.1:8060"))
    let port = try TorControlPort(
      address, services: [service], on: loop, log: log,
      added: { _, name, key in
        added += 1
        #expect(name.label == Self.name)
        #expect((key != nil) == (added == 1))
        if added == 1 { tor?.hangUp() } else { loop.stop() }
      })
    let timeout = try TimerSource(on: loop) { loop.stop() }
    timeout.start(after: .seconds(20))
    port.start()
    loop.run()
    #expect(added == 2)
    #expect(port.state.link == .up && port.state.bootstrap == .up)
    #expect(tor?.heard.last?.hasPrefix("ADD_ONION \(Self.key) ") == true)
    #expect(!sink.lines.isEmpty && !sink.lines.contains { $0.contains("AAEC") || $0.contains(Self.name) })
    tor = nil
  }

  @Test("a Tor that ends each connection at once is tried more and more seldom, and told of twice")
  func flaps() throws {
    let sink = Lines()
    let log = Log(level: .notice, sink: sink)
    let loop = try #require(EventLoop())
    let address = SocketAddress.unix("\(directory)/control")
    let (session, times) = (Self.replies.dropLast(), 3)
    let tor = try Tor(
      at: address, replies: Array((0..<times).map { _ in session }.joined()), on: loop, log: log)
    var admissions: [Instant] = []
    let port = try TorControlPort(
      address, on: loop, log: log,
      changed: { state in
        guard state.link == .up, state.bootstrap == .up else { return }
        admissions.append(SystemCall.now)
        if admissions.count == times { loop.stop() } else { tor.hangUp() }
      })
    let timeout = try TimerSource(on: loop) { loop.stop() }
    timeout.start(after: .seconds(60))
    port.start()
    loop.run()
    let pauses = zip(admissions, admissions.dropFirst()).map { $1 - $0 }
    #expect(pauses.count == times - 1 && zip(pauses, [1, 2]).allSatisfy { $0 >= .seconds($1) })
    let told = sink.lines.map { $0.contains("admits us") ? "up" : $0.contains("is tried again") ? "down" : $0 }
    #expect(told == ["up", "down", "up", "down"], "and not the third time, before it has lasted")
  }
}
