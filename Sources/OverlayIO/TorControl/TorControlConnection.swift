import Glibc
import OverlayCore

/// A connection to Tor's control port, and the session on it. It ends itself, once and with the reason.
final class TorControlConnection {
  /// What becomes of it.
  struct Handlers {
    /// Something changed.
    var told: (TorControlEvent) -> Void
    /// It is over, for this reason. Whoever is told may drop it.
    var ended: (_ reason: String) -> Void
  }

  private let address: SocketAddress
  private let loop: EventLoop
  private let begin: (Instant) -> TorControlSession
  private let handlers: Handlers
  private let source: EventSource<StreamSocket>
  private var timer: TimerSource?
  private var session: TorControlSession?
  private var outgoing: [UInt8] = []
  private var isOver = false

  /// Begins to connect. `begin` makes the session once that is done.
  init(
    _ address: SocketAddress, on loop: EventLoop, begin: @escaping (Instant) -> TorControlSession, handlers: Handlers
  ) throws(SystemError) {
    (self.address, self.loop, self.begin, self.handlers) = (address, loop, begin, handlers)
    source = EventSource(try StreamSocket(for: address), on: loop)
    _ = try source.file.connect(to: address)
    source.handle(.readable) { [unowned self] in read() }
    source.handle(.writable) { [unowned self] in writable() }
    timer = try TimerSource(on: loop) { [unowned self] in expire() }
    timer?.start(after: TorControlSession.patience)
    source.start(.writable)
  }

  deinit { outgoing.wipe() }

  /// Changes the session, if it has begun.
  func change(_ body: (inout TorControlSession, Instant) -> Void) {
    guard !isOver, var session = session.take() else { return }
    body(&session, loop.now)
    self.session = session
    perform()
  }

  private func end(_ reason: String) {
    guard !isOver else { return }
    isOver = true
    source.cancel(.readable)
    source.cancel(.writable)
    timer = nil
    handlers.ended(reason)
  }

  private func writable() {
    if session == nil {
      do throws(SystemError) {
        try source.file.finishConnecting(to: address)
      } catch {
        return end(TorControlAdvice.text(of: error))
      }
      session = begin(loop.now)
      source.start(.readable)
      return perform()
    }
    flush()
  }

  private func read() {
    // It may be a key that Tor has made.
    var bytes = [UInt8](repeating: 0, count: 4096)
    defer { bytes.wipe() }
    switch bytes.withUnsafeMutableBytes({ source.file.read(into: $0) }) {
    case .bytes(let count):
      bytes.removeLast(bytes.count - count)
      change { session, now in session.receive(bytes, at: now) }
    case .nothing: break
    case .end: end("it closed the connection")
    case .failed(let error): end("\(error)")
    }
  }

  private func expire() {
    guard session != nil else { return end("\(TorControlError.silent)") }
    change { session, now in session.advance(to: now) }
  }

  private func perform() {
    while !isOver, let action = session?.nextAction() {
      switch action {
      case .send(var bytes):
        outgoing += bytes
        bytes.wipe()
      case .readCookie(let path): readCookie(path)
      case .tell(let event): handlers.told(event)
      case .close(let error): return end("\(error)")
      }
    }
    flush()
    if !isOver, let deadline = session?.nextDeadline { timer?.start(at: deadline) }
  }

  private func readCookie(_ path: String) {
    do throws(CookieFile.Failure) {
      var cookie = try CookieFile.read(path, isSystems: !address.isPath)
      session?.take(cookie: cookie, at: loop.now)
      cookie.wipe()
    } catch {
      end("\(error)")
    }
  }

  private func flush() {
    guard !isOver else { return }
    while !outgoing.isEmpty {
      switch write() {
      case .failed(let error): return end("\(error)")
      case .bytes(0): return source.start(.writable)
      case .bytes(let count) where count == outgoing.count: outgoing.wipe()
      case .bytes(let count): outgoing.removeFirst(count)
      }
    }
    source.cancel(.writable)
  }

  private func write() -> StreamSocket.Write {
    outgoing.withUnsafeBytes { bytes in
      withUnsafePointer(to: bytes) { run in
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: 1) { vectors in
          source.file.write(UnsafeBufferPointer(start: run, count: 1), listedIn: vectors)
        }
      }
    }
  }
}

extension SocketAddress {
  /// Whether it is a path, whose directory says who can listen there.
  var isPath: Bool { if case .unix = self { true } else { false } }
}
