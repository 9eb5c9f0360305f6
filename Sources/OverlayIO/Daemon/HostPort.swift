import Glibc
import OverlayCore

/// The host port owns the device and the host of the core behind it. It reads the device while no identity has
/// backpressure. Everything that happens to the host happens in a turn, which `begin` begins; `end` does what follows
/// from it.
final class HostPort {
  /// What is told of the host.
  struct Handlers {
    /// An identity may want something done.
    var touched: (Host.Identity) -> Void
    /// The host tells something.
    var told: (HostEvent) -> Void
    /// No packet will ever come from the device again.
    var gone: () -> Void
  }

  /// What a read of the device brought.
  enum Reading {
    /// A packet, which this identity has taken.
    case packet(Host.Identity)
    /// Something that ended there: a frame that the link took, or what nobody can use.
    case ended
    /// Nothing more comes now.
    case nothing
  }

  /// What one read takes from a circuit: all that has come in a pause. The largest packet is shorter.
  private static let bufferSize = ReadCoalescing.pauseBytes
  /// The same where each packet goes to the device by itself: what is not delivered soon falls out of the processor's
  /// cache.
  private static let smallReadSize = 96 << 10

  /// From how many circuits on that have something to read at once each is read in small pieces.
  private static let crowd = 8
  /// How many coalesced circuits are read whole at the same time.
  static let coalescedTogether = 8
  /// The least that is read at once.
  private static let smallestRead = 1 << 10

  /// How much of what was sent on a circuit is read at once where `crowd` others are read after it, in bytes. In a
  /// crowd it is little: strangers' packets can be small, and each costs as much time as a long one.
  static func readSize(in crowd: Int, of whole: Int) -> Int {
    let share = min(whole, bufferSize / max(crowd, 1))
    return crowd <= HostPort.crowd ? share : max(smallestRead, share / 4)
  }

  /// The identities, and what they share.
  var host: Host
  /// The device, and the time of what is being done.
  var turn: Turn<LinkDevice<TunnelDevice>> {
    _read { yield source.file }
    _modify { yield &source.file }
  }
  /// Lent to whoever reads: nothing that is read is kept in it.
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: HostPort.bufferSize, alignment: 16)
  /// Lent to whoever writes to a circuit.
  let vectors = UnsafeMutableBufferPointer<iovec>.allocate(capacity: WriteRuns.limit)
  /// The part of `buffer` that is lent to a circuit that is not coalesced.
  let readBuffer: UnsafeMutableRawBufferPointer

  private let loop: EventLoop
  private var handlers: Handlers?
  private let source: EventSource<Turn<LinkDevice<TunnelDevice>>>
  private var timer: TimerSource?
  private var backpressureCount = 0

  /// A port at which nothing is read before `start`.
  init(_ device: consuming LinkDevice<TunnelDevice>, _ host: consuming Host, on loop: EventLoop) throws(SystemError) {
    let readSize = device.wire.isOffloading ? HostPort.bufferSize : HostPort.smallReadSize
    readBuffer = UnsafeMutableRawBufferPointer(rebasing: buffer[..<readSize])
    source = EventSource(Turn(device, at: loop.now), on: loop)
    self.host = host
    self.loop = loop
    source.handle(.readable) { [unowned self] in drain() }
    timer = try TimerSource(on: loop) { [unowned self] in advance() }
  }

  deinit {
    buffer.deallocate()
    vectors.deallocate()
  }

  /// Begins to read.
  func start(_ handlers: Handlers) {
    self.handlers = handlers
    source.start(.readable)
  }

  /// Leaves packets in the device while any identity has backpressure: each one says when that begins and ends.
  func noteBackpressure(_ isOn: Bool) {
    backpressureCount += isOn ? 1 : -1
    if backpressureCount == 0 {
      source.start(.readable)
    } else if isOn, backpressureCount == 1 {
      source.cancel(.readable)
    }
  }

  /// Begins a turn.
  func begin() { turn.now = loop.now }

  /// Ends a turn: does what the link and the identities want done by now, and sets the timer for what comes next.
  func end() {
    if turn.device.hasLink { host.handleLinkEvents(turn: &turn) }
    while let identity = host.nextTouched() { handlers?.touched(identity) }
    while let event = host.nextEvent() { handlers?.told(event) }
    timer?.start(at: host.nextDeadline(turn: turn))
  }

  private func advance() {
    begin()
    host.advance(turn: &turn)
    end()
  }

  /// Gives a batch of the device's packets to the host, as many as one write takes, so that none is left for a write of
  /// its own. It ends early where an identity wants the device to wait: so many super-packets are more than a circuit's
  /// queue holds. Frames that end at the link count, too: a storm of them would hold up circuits, timers and signals.
  private func drain() {
    begin()
    reading: for _ in 0..<WriteRuns.batchPackets {
      switch read() {
      case .nothing: break reading
      case .ended: break
      case .packet(let identity): if host.hasBackpressure(for: identity) { break reading }
      }
    }
    end()
  }

  /// Reads the device once, unless it has to wait.
  func read() -> Reading {
    guard backpressureCount == 0 else { return .nothing }
    switch turn.device.wire.read(into: buffer) {
    case .packet(let offload, let range):
      let frame = UnsafeMutableRawBufferPointer(rebasing: buffer[range])
      switch host.receive(frame, offload, turn: &turn) {
      case .packet(let identity): return .packet(identity)
      case .consumed: return .ended
      case .request(let range, let station):
        let request = UnsafeRawBufferPointer(rebasing: frame[range])
        host.answer(request, from: station, wallClock: HostPort.wallClock, turn: &turn)
        return .ended
      }
    case .unusable:
      return .ended
    case .nothing:
      return .nothing
    case .gone:
      source.cancel(.readable)
      handlers?.gone()
      return .nothing
    }
  }

  /// In seconds since 1970.
  static var wallClock: Int64 { Int64(SystemCall.calendarTime.tv_sec) }
}

extension Turn: Pollable where Device: Pollable & ~Copyable {
  /// The device's.
  var descriptor: Int32 { device.descriptor }
}

extension LinkDevice: Pollable where Wire: Pollable & ~Copyable {
  /// The wire's.
  var descriptor: Int32 { wire.descriptor }
}
