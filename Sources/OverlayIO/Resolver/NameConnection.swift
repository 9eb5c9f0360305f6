import OverlayCore

/// A connection at which questions come, each behind its length in two bytes (RFC 1035 section 4.2.2), one after the
/// other: nothing is read while an answer is written.
final class NameConnection {
  /// How long a connection may be silent, or take to read an answer.
  static let patience = Duration.seconds(10)

  private let source: EventSource<StreamSocket>
  private let answer: (UnsafeRawBufferPointer) -> [UInt8]?
  private let ended: (NameConnection) -> Void
  private let loop: EventLoop
  private var timer: TimerSource?
  private var input: [UInt8] = []
  private var output: ArraySlice<UInt8> = []

  /// Serves a connection. `ended` is called once, unless the owner drops it before.
  init(
    _ source: EventSource<StreamSocket>, on loop: EventLoop, answer: @escaping (UnsafeRawBufferPointer) -> [UInt8]?,
    ended: @escaping (NameConnection) -> Void
  ) throws(SystemError) {
    (self.source, self.loop, self.answer, self.ended) = (source, loop, answer, ended)
    timer = try TimerSource(on: loop) { [unowned self] in ended(self) }
    timer?.start(after: NameConnection.patience)
    source.handle(.readable) { [unowned self] in read() }
    source.handle(.writable) { [unowned self] in write() }
    source.start(.readable)
  }

  private func read() {
    let outcome = withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 8) { buffer in
      let outcome = source.file.read(into: buffer)
      if case .bytes(let count) = outcome { input += buffer[..<count] }
      return outcome
    }
    switch outcome {
    case .nothing: return
    case .end, .failed: return ended(self)
    case .bytes: serve()
    }
  }

  /// Answers the questions that are there, until an answer has to wait.
  private func serve() {
    while output.isEmpty, let question = takeQuestion() {
      // Whoever sends what is no question does not speak DNS.
      guard let message = question.withUnsafeBytes(answer), message.count <= Int(UInt16.max) else {
        return ended(self)
      }
      timer?.start(after: NameConnection.patience)
      output = [UInt8(message.count >> 8), UInt8(message.count & 0xff)] + message
      guard flush() else { return ended(self) }
    }
    if output.isEmpty { source.start(.readable) } else { wait() }
  }

  private func wait() {
    source.cancel(.readable)
    source.start(.writable)
  }

  private func write() {
    guard flush() else { return ended(self) }
    guard output.isEmpty else { return }
    source.cancel(.writable)
    serve()
  }

  /// Writes what the other side takes; whether it is there.
  private func flush() -> Bool {
    while !output.isEmpty {
      switch source.file.write(output) {
      case .bytes(0): return true
      case .bytes(let count): output = output.dropFirst(count)
      case .failed: return false
      }
    }
    return true
  }

  private func takeQuestion() -> ArraySlice<UInt8>? {
    guard input.count >= 2 else { return nil }
    let end = 2 + (Int(input[0]) << 8 | Int(input[1]))
    guard input.count >= end else { return nil }
    defer { input.removeFirst(end) }
    return input[2..<end]
  }
}
