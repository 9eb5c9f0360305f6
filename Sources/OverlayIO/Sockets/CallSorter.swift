import Glibc
import OverlayCore

/// The call sorter finds the identity that a circuit is for where several share a listener. It looks at the destination
/// of the circuit's first packet, and leaves the packet in the socket.
///
/// At most `limit` calls wait, each for `patience`. Past that one chosen at random makes room for the next, at most as
/// often in a second as calls may wait; beyond that the newest is closed at once. So a crowd of silent calls cannot
/// foresee whom it displaces, and most callers that speak within a round trip are heard. Where Tor tells which circuit
/// of its own a call came through, as many of one wait as it may have connections (`TorCircuits.most`). The report
/// counts the calls that were closed unsorted.
final class CallSorter {
  private static let patience = Duration.seconds(30)

  private final class Call {
    let began: Instant
    // Its index among the calls that wait.
    var index: Int
    // The number of bytes that have told nothing yet.
    var seen = 0
    // The Tor circuit among whose calls it waits, once a line has told that.
    var torCircuit: UInt32?
    let stream: EventSource<StreamSocket>

    var deadline: Instant { began + CallSorter.patience }

    init(_ stream: EventSource<StreamSocket>, at index: Int, since began: Instant) {
      self.began = began
      self.index = index
      self.stream = stream
    }
  }

  private let loop: EventLoop
  private let log: Log
  private let handler: (EventSource<StreamSocket>, _ destination: IPv6Address, _ since: Instant) -> Void
  private let limit: Int
  private let isAnnounced: Bool
  private var calls: [Call] = []
  // By the Tor circuit: its calls that wait.
  private var waiting: [UInt32: Int] = [:]
  private var turnover: TokenBucket
  private let drawn: (Range<Int>) -> Int
  private var timeout: TimerSource?
  private var closed: UInt64 = 0
  private var hasToldLine = false

  /// The number of calls that wait, and of those that were closed, in one line.
  var report: String { "shared listeners: \(calls.count) calls wait for a packet, \(closed) closed without" }

  /// Makes a sorter of at most `limit` calls at once. It hands each one to `handler` with the address that the call is
  /// for, and the time at which it came: the wait here is no time more to say who calls. `isAnnounced` says that a line
  /// of Tor about its circuit comes before the first packet.
  init(
    limit: Int, isAnnounced: Bool = false, on loop: EventLoop, log: Log,
    drawn: @escaping (Range<Int>) -> Int = { Int.random(in: $0) },
    handler: @escaping (EventSource<StreamSocket>, _ destination: IPv6Address, _ since: Instant) -> Void
  ) throws(SystemError) {
    self.limit = limit
    self.isAnnounced = isAnnounced
    self.drawn = drawn
    turnover = TokenBucket(rate: Double(limit), burst: Double(limit))
    self.loop = loop
    self.log = log
    self.handler = handler
    timeout = try TimerSource(on: loop) { [unowned self] in expire() }
  }

  /// Takes a connection whose first packet may still be to come.
  func accept(_ stream: EventSource<StreamSocket>) {
    let now = loop.now
    if calls.count >= limit {
      closed += 1
      guard turnover.take(at: now) else { return }
      remove(calls[drawn(calls.indices)])
    }
    // The kernel wakes the loop when a whole header is there, or the end.
    stream.file.wakeAfter(bytes: CallDestination.bytesNeeded)
    let call = Call(stream, at: calls.count, since: now)
    stream.handle(.readable) { [unowned self, unowned call] in sort(call) }
    calls.append(call)
    stream.start(.readable)
    if calls.count == 1 { timeout?.start(at: call.deadline) }
  }

  private func expire() {
    let now = loop.now
    for call in calls where call.deadline <= now {
      remove(call)
      closed += 1
    }
    // Not for every one of a crowd.
    if let next = calls.map(\.deadline).min() { timeout?.start(at: max(next, now + .seconds(1))) }
  }

  private func sort(_ call: Call) {
    let stream = call.stream
    let most = isAnnounced ? CallDestination.mostBytesNeeded : CallDestination.bytesNeeded
    var start = [UInt8](repeating: 0, count: most)
    let count = start.withUnsafeMutableBytes { stream.file.peek(into: $0) }
    let destination = start.withUnsafeBytes {
      CallDestination(UnsafeRawBufferPointer(rebasing: $0.prefix(count)), isAnnounced: isAnnounced)
    }
    // At the end of the stream there are no more bytes than before.
    if case .incomplete(let needed) = destination, count > call.seen,
      !isAnnounced || mayWait(call, start.prefix(count))
    {
      call.seen = count
      stream.file.wakeAfter(bytes: needed)
      return
    }
    remove(call)
    stream.cancel(.readable)
    if case .address(let address) = destination {
      stream.file.wakeAfter(bytes: 1)
      handler(stream, address, call.began)
      return
    }
    closed += 1
    guard destination == .proxyLine || destination == .noTorLine, !hasToldLine else { return }
    hasToldLine = true
    log.warning(isAnnounced ? NodeEvent.noTorLineText : NodeEvent.proxyLineText)
  }

  /// Returns whether a call of which these bytes are known may go on to wait: not one of too many through one circuit
  /// of Tor.
  private func mayWait(_ call: Call, _ start: ArraySlice<UInt8>) -> Bool {
    guard call.torCircuit == nil, let circuit = start.withUnsafeBytes({ CallDestination.torCircuit(of: $0) }) else {
      return true
    }
    guard waiting[circuit, default: 0] < TorCircuits.most else { return false }
    waiting[circuit, default: 0] += 1
    call.torCircuit = circuit
    return true
  }

  private func remove(_ call: Call) {
    if let circuit = call.torCircuit, let count = waiting[circuit] { waiting[circuit] = count > 1 ? count - 1 : nil }
    let last = calls.removeLast()
    guard last !== call else { return }
    calls[call.index] = last
    last.index = call.index
  }
}
