import Glibc
import OverlayCore

/// The daemon's side of one client of the control socket. It serves one request after the other: while a reply is being
/// made or sent nothing more is read, so that a client takes no more memory than one line and one reply.
///
/// Events go out beside that. Those for which there is no room are counted, and the client is told how many it lost.
final class ControlSession {
  /// The greatest number of bytes that wait for the client before it loses events.
  static let mostEvents = 4 << 20
  /// The greatest number of bytes of a line.
  static let longestLine = JSONValue.longestText
  /// The time in which a line that has begun has to end, and in which a client has to read something of what it asked
  /// for.
  static let patience = Duration.seconds(10)

  /// The user at the other end.
  let user: UInt32
  /// The time at which the client is dropped unless something happens before; `nil` if it may be idle.
  private(set) var deadline: Instant?
  /// Whether the client wants events.
  private(set) var isMonitor = false

  private let source: EventSource<StreamSocket>
  private let loop: EventLoop
  private let handler: (ControlExchange) -> Void
  private let changed: () -> Void
  private let ended: () -> Void
  private var lines = LineSplitter(longest: ControlSession.longestLine)
  private var output: [UInt8] = []
  private var sent = 0
  private var exchange: ControlExchange?
  private var isServing = false
  // The client says no more: what it has said is still answered.
  private var hasSaidAll = false
  // There are bytes that cannot be read as requests.
  private var isClosing = false
  private var hasEnded = false
  private var lost = 0
  private var isReading = false
  private var isWriting = false

  /// Makes a session. `handler` gets each request, `changed` is called when the deadline may be another, and `ended`
  /// when the session is over.
  init(
    _ source: EventSource<StreamSocket>, user: UInt32, on loop: EventLoop,
    handler: @escaping (ControlExchange) -> Void, changed: @escaping () -> Void, ended: @escaping () -> Void
  ) {
    self.source = source
    self.user = user
    self.loop = loop
    self.handler = handler
    self.changed = changed
    self.ended = ended
    source.handle(.readable) { [unowned self] in read() }
    source.handle(.writable) { [unowned self] in writable() }
    wait()
  }

  /// Sends the one line of an error, and ends.
  func refuse(_ error: ControlError) {
    isClosing = true
    send(ControlReply.failure(error, id: nil))
  }

  /// Sends an event to a client that wants events.
  func tell(_ event: () -> JSONValue) {
    guard isMonitor, !hasEnded, !hasSaidAll, !isClosing else { return }
    guard output.count - sent < ControlSession.mostEvents else {
      lost += 1
      return
    }
    if lost > 0 {
      let line = ControlEvent.lost(lost)
      lost = 0
      append(line)
    }
    append(event())
    flush()
  }

  /// Drops a client whose time is over.
  func expire(at now: Instant) {
    if let deadline, deadline <= now { end() }
  }

  // MARK: - Reading

  private func read() {
    let outcome = withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 8) { buffer in
      let outcome = source.file.read(into: buffer)
      if case .bytes(let count) = outcome { lines.append(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
      return outcome
    }
    switch outcome {
    case .bytes: serve()
    case .nothing: break
    // Who says no more may still wait for answers, but to no request that was not said to its end.
    case .end:
      hasSaidAll = true
      serve()
    case .failed: end()
    }
  }

  /// Serves what was read, as long as nothing waits for the client, and ends when nothing more can come.
  private func serve() {
    // An answer that is given at once would come here again.
    guard !isServing else { return }
    isServing = true
    while exchange == nil, output.isEmpty, !isClosing, !hasEnded {
      switch lines.next() {
      case .incomplete:
        if hasSaidAll { end() }
      case .line(let line):
        begin(line)
        continue
      case .tooLong:
        refuse(ControlError(.badRequest, "a line of at most \(ControlSession.longestLine) bytes is accepted"))
      }
      break
    }
    isServing = false
    wait()
  }

  private func begin(_ line: ArraySlice<UInt8>) {
    deadline = nil
    if line.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) { return }
    do throws(ControlRequest.Refusal) {
      let exchange = ControlExchange(try ControlRequest(line), user: user, in: self)
      self.exchange = exchange
      handler(exchange)
    } catch {
      send(ControlReply.failure(error.error, id: error.id))
    }
  }

  // MARK: - Writing

  // One call: what it does first may end the session, and nobody else may hold it.
  private func writable() {
    flush()
    serve()
  }

  /// Ends an exchange with this reply. `monitors` says that the client wants events from now on.
  func finish(_ exchange: ControlExchange, _ reply: JSONValue, monitors: Bool) {
    guard self.exchange === exchange else { return }
    self.exchange = nil
    if monitors { isMonitor = true }
    send(reply)
    serve()
  }

  private func send(_ line: JSONValue) {
    append(line)
    flush()
  }

  private func append(_ line: JSONValue) {
    if output.isEmpty { deadline = loop.now + ControlSession.patience }
    if sent > 1 << 16 {
      output.removeFirst(sent)
      sent = 0
    }
    output += line.bytes + [UInt8(ascii: "\n")]
  }

  private func flush() {
    while !output.isEmpty, !hasEnded {
      switch source.file.write(output[sent...]) {
      case .bytes(0):
        return wait()
      case .bytes(let count):
        sent += count
        deadline = loop.now + ControlSession.patience
        if sent == output.count { (output, sent) = ([], 0) }
      case .failed: return end()
      }
    }
    if isClosing, exchange == nil { end() } else { wait() }
  }

  // MARK: - Time

  /// Waits for what can happen next, and sets the deadline of that.
  private func wait() {
    guard !hasEnded else { return }
    let isWriting = !output.isEmpty
    // Beside an exchange only the end of the client is of interest, and a few requests that it sends at once.
    let isReading = !isWriting && !isClosing && !hasSaidAll && (exchange == nil || lines.count < 1 << 16)
    if isWriting != self.isWriting {
      self.isWriting = isWriting
      if isWriting { source.start(.writable) } else { source.cancel(.writable) }
    }
    if isReading != self.isReading {
      self.isReading = isReading
      if isReading { source.start(.readable) } else { source.cancel(.readable) }
    }
    if !isWriting {
      let isInLine = exchange == nil && lines.isInLine
      deadline = isInLine ? deadline ?? loop.now + ControlSession.patience : nil
    }
    changed()
  }

  private func end() {
    guard !hasEnded else { return }
    hasEnded = true
    deadline = nil
    source.cancel(.readable)
    source.cancel(.writable)
    ended()
  }
}
