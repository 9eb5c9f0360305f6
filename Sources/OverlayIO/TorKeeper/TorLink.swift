import Glibc
import OverlayCore

/// The daemon's side of the process that speaks with Tor's control port.
final class TorLink {
  /// What becomes of it.
  struct Handlers {
    /// The names of this host are known, whose onion services Tor makes.
    var found: ([OnionName]) -> Void
    /// What is known of Tor has changed.
    var changed: (TorState) -> Void
    /// It cannot go on, for this reason.
    var failed: (_ reason: String, _ isDenied: Bool) -> Void
    /// It has ended, or does not speak as it should.
    var ended: () -> Void
  }

  /// The time after which what this host had no memory for is tried again.
  private static let retryInterval = Duration.milliseconds(100)
  /// As many reports as are taken before other events are.
  private static let batch = 64

  /// What is known of Tor.
  private(set) var state = TorState.initial

  // Requests that the channel had no room for. No two of them are the same, so there are not many.
  private var waiting: [TorRequest] = []
  private let process: Int32
  private var channel: EventSource<FileDescriptor>?
  private var retry: TimerSource?
  private var hasEnded = false
  private let log: Log
  private let handlers: Handlers

  /// Starts the process with the arguments that it finds the configuration by, and the end of a channel to the helper.
  init(
    _ arguments: [String], helper: consuming FileDescriptor, on loop: EventLoop, log: Log, handlers: Handlers
  ) throws(SystemError) {
    (self.log, self.handlers) = (log, handlers)
    let ends = try SystemCall.channel()
    let other = FileDescriptor(owning: ends.other)
    let own = FileDescriptor(owning: ends.own)
    try SystemCall.refuseToWait(own.number)
    process = try SystemCall.startAnew([TorKeeper.name] + arguments, channels: [other.number, helper.number])
    _ = consume other
    let channel = EventSource(own, on: loop)
    self.channel = channel
    channel.handle(.readable) { [unowned self] in read() }
    channel.start(.readable)
    channel.handle(.writable) { [unowned self] in send() }
    retry = try TimerSource(on: loop) { [unowned self] in goOn() }
  }

  deinit {
    // It is the end of the channel that ends the process.
    channel = nil
    _ = try? SystemCall.ending(of: process, waits: true)
  }

  /// Asks for something, as soon as the process takes it: one that is stopped takes nothing for a while.
  func ask(_ request: TorRequest) {
    if !waiting.contains(request) { waiting.append(request) }
    send()
  }

  private func send() {
    guard let channel else { return }
    while let bytes = waiting.first?.message.bytes {
      do throws(SystemError) {
        try SystemCall.send(channel.file.number, bytes, with: [])
      } catch {
        if error.number == EAGAIN { return channel.start(.writable) }
        return error.isShortage ? pause(.writable) : end()
      }
      waiting.removeFirst()
    }
    channel.cancel(.writable)
  }

  /// Leaves one direction alone for a while: the loop would call at once again, and in vain.
  private func pause(_ direction: EventSource<FileDescriptor>.Interest) {
    channel?.cancel(direction)
    retry?.start(after: TorLink.retryInterval)
  }

  private func goOn() {
    guard !hasEnded else { return }
    channel?.start(.readable)
    send()
  }

  private func end() {
    channel?.cancel(.readable)
    channel?.cancel(.writable)
    hasEnded = true
    handlers.ended()
  }

  private func read() {
    for _ in 0..<TorLink.batch {
      guard let channel else { return }
      let report: TorReport?
      do throws(SystemError) {
        guard let message = try SystemCall.receive(channel.file.number, limit: RoomMessage.mostBytes) else { return }
        report = RoomMessage(message.bytes).flatMap { TorReport($0) }
      } catch {
        // One that cannot be taken now is still there.
        return error.isShortage ? pause(.readable) : end()
      }
      guard let report else { return end() }
      take(report)
    }
  }

  private func take(_ report: TorReport) {
    switch report {
    case .found(let names): handlers.found(names)
    case .failed(let reason, let isDenied): handlers.failed(reason, isDenied)
    case .line(let level, let text): log.write(level, text)
    case .link, .progress, .publication, .keyed: state.take(report)
    case .changed: handlers.changed(state)
    }
  }
}
