import OverlayCore

/// A connection to the page of metrics: one request, and the answer.
final class MetricsConnection {
  /// How long a connection may take.
  static let patience = Duration.seconds(10)

  private enum Phase {
    case reading(PageRequest)
    /// These bytes are to be written, those before the number excepted.
    case writing([UInt8], Int)
    /// What else comes is read and dropped, or the client could miss the answer.
    case draining
  }

  private let source: EventSource<StreamSocket>
  private let page: () -> String
  private let ended: (MetricsConnection) -> Void
  private var timer: TimerSource?
  private var phase = Phase.reading(PageRequest())
  private var drained = 0

  /// Serves a connection. `ended` is called once, unless the owner drops it before.
  init(
    _ source: EventSource<StreamSocket>, on loop: EventLoop, page: @escaping () -> String,
    ended: @escaping (MetricsConnection) -> Void
  ) throws(SystemError) {
    self.source = source
    self.page = page
    self.ended = ended
    timer = try TimerSource(on: loop) { [unowned self] in ended(self) }
    timer?.start(after: MetricsConnection.patience)
    source.handle(.readable) { [unowned self] in read() }
    source.handle(.writable) { [unowned self] in write() }
    source.start(.readable)
  }

  private func read() {
    var taken: [UInt8] = []
    let outcome = withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 8) { buffer in
      let outcome = source.file.read(into: buffer)
      if case .bytes(let count) = outcome { taken = Array(buffer[..<count]) }
      return outcome
    }
    switch outcome {
    case .nothing: return
    case .end, .failed: return ended(self)
    case .bytes: break
    }
    switch phase {
    case .reading(var request):
      let answer = request.take(taken, path: MetricsServer.path)
      phase = .reading(request)
      if let answer { send(answer) }
    case .writing: break
    case .draining:
      drained += taken.count
      if drained > 1 << 20 { ended(self) }
    }
  }

  /// Sends an answer in place of what was to come.
  func send(_ answer: PageRequest.Answer) {
    source.cancel(.readable)
    phase = .writing(answer.bytes(page, type: PrometheusText.contentType), 0)
    write()
  }

  private func write() {
    guard case .writing(let bytes, let start) = phase else { return }
    switch source.file.write(bytes[start...]) {
    case .failed: ended(self)
    case .bytes(let count) where start + count < bytes.count:
      phase = .writing(bytes, start + count)
      source.start(.writable)
    case .bytes:
      phase = .draining
      source.cancel(.writable)
      source.file.endWriting()
      source.start(.readable)
    }
  }
}
