import Glibc
import OverlayCore

/// Finds out which identity a circuit is for where several share a listener: by the destination of its first packet,
/// which is looked at and left in the socket.
///
/// At most `limit` calls wait, each for `patience`; past that the oldest is closed. The report counts those that were
/// closed unsorted.
final class CallSorter {
  /// How many calls wait at the most.
  static let limit = 64
  private static let patience = Duration.seconds(30)

  private final class Call {
    let number: UInt64
    let deadline: Instant
    var stream: StreamSocket?
    var reading: EventSource?

    init(_ number: UInt64, until deadline: Instant, _ stream: consuming StreamSocket) {
      self.number = number
      self.deadline = deadline
      self.stream = consume stream
    }

    deinit {
      // Before the descriptor is closed: libevent must not watch a number that means another file.
      reading = nil
    }
  }

  private let loop: EventLoop
  private let log: Log
  private let handler: (consuming StreamSocket, _ destination: IPv6Address) -> Void
  // The first to come, the first to be closed.
  private var calls: [Call] = []
  private var timeout: TimerSource?
  private var last: UInt64 = 0
  private var closed: UInt64 = 0
  private var hasToldProxyLine = false

  /// The calls that wait, and those that were closed, on a line.
  var report: String { "shared listeners: \(calls.count) calls wait for a packet, \(closed) closed without" }

  /// A sorter that hands every call to `handler` with the address that it is for.
  init(
    on loop: EventLoop, log: Log, handler: @escaping (consuming StreamSocket, _ destination: IPv6Address) -> Void
  ) throws(SystemError) {
    self.loop = loop
    self.log = log
    self.handler = handler
    timeout = try TimerSource(on: loop) { [unowned self] in expire() }
  }

  /// Takes a connection whose first packet may still be to come.
  func accept(_ stream: consuming StreamSocket) {
    // The kernel wakes us when a whole header is there, or the end.
    stream.wakeAfter(bytes: IPv6Header.size)
    let descriptor = stream.descriptor
    last += 1
    let number = last
    let call = Call(number, until: loop.now + CallSorter.patience, stream)
    call.reading = EventSource(.readable(descriptor), on: loop) { [unowned self] in sort(number) }
    if calls.count == CallSorter.limit {
      calls.removeFirst()
      closed += 1
    }
    calls.append(call)
    call.reading?.start()
    timeout?.start(at: calls[0].deadline)
  }

  private func expire() {
    let now = loop.now
    while let first = calls.first, first.deadline <= now {
      calls.removeFirst()
      closed += 1
    }
    if let first = calls.first { timeout?.start(at: first.deadline) }
  }

  private func sort(_ number: UInt64) {
    guard let call = take(number), let stream = call.stream.take() else { return }
    call.reading = nil
    var start = [UInt8](repeating: 0, count: IPv6Header.size)
    let count = start.withUnsafeMutableBytes { stream.peek(into: $0) }
    guard count == start.count, start[0] >> 4 == 6 else {
      if start.starts(with: StreamError.proxyLineStart), !hasToldProxyLine {
        hasToldProxyLine = true
        log.warning(StreamError.proxyLineAdvice)
      }
      closed += 1
      return
    }
    stream.wakeAfter(bytes: 1)
    handler(stream, start.withUnsafeBytes { IPv6Address(loading: $0, at: 24) })
  }

  private func take(_ number: UInt64) -> Call? {
    guard let index = calls.firstIndex(where: { $0.number == number }) else { return nil }
    return calls.remove(at: index)
  }
}
