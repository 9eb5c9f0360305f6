import Glibc
import OverlayCore

/// The host port owns the device and the host of the core behind it. It reads the device while no identity has
/// backpressure. Everything that happens to the host happens in a turn, which `begin` begins; `end` does what follows
/// from it.
final class HostPort {
  /// The receivers of what happens to the host.
  struct Handlers {
    /// An identity may have actions.
    var touched: (Host.Identity) -> Void
    /// The host has an event.
    var told: (HostEvent) -> Void
    /// The device could not be read, which is tried again.
    var failed: (SystemError) -> Void
    /// No packet will ever come from the device again.
    var gone: () -> Void
  }

  /// The result of reading the device.
  enum Reading {
    /// A packet, which this identity has taken.
    case packet(Host.Identity)
    /// Something that ended there: a frame that the link took, or a packet that nobody can use.
    case ended
    /// No packet waits.
    case nothing
  }

  /// The number of bytes that one read takes from a circuit: everything that came in a pause. The longest packet is
  /// shorter.
  private static let bufferSize = ReadCoalescing.pauseBytes
  /// The same if each packet goes to the device by itself: a packet that is not delivered soon is not in the
  /// processor's cache any more.
  private static let smallReadSize = 96 << 10

  /// The time for which the device is not read after it could not be: what waits there would make the loop spin.
  private static let pause = Duration.seconds(1)
  /// The number of circuits with something to read from which on each is read in small pieces.
  private static let crowd = 8
  /// The greatest number of coalesced circuits that are read whole at the same time.
  static let coalescedTogether = 8
  /// The smallest number of bytes of a read.
  private static let smallestRead = 1 << 10

  /// Returns the number of bytes of one read of a circuit while `crowd` circuits have something to read. In a crowd it
  /// is small, because strangers' packets can be small, and each costs as much time as a long one.
  static func readSize(in crowd: Int, of whole: Int) -> Int {
    let share = min(whole, bufferSize / max(crowd, 1))
    return crowd <= HostPort.crowd ? share : max(smallestRead, share / 4)
  }

  /// The host.
  var host: Host
  /// The device, and the time of the current event.
  var turn: Turn<LinkDevice<TunnelDevice>> {
    _read { yield source.file }
    _modify { yield &source.file }
  }
  /// The buffer of all reads. Nothing stays in it.
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: HostPort.bufferSize, alignment: 16)
  /// The vectors of all writes to circuits.
  let vectors = UnsafeMutableBufferPointer<iovec>.allocate(capacity: WriteRuns.limit)
  /// The part of `buffer` for a circuit that is not coalesced.
  let readBuffer: UnsafeMutableRawBufferPointer

  private let loop: EventLoop
  private var handlers: Handlers?
  private let source: EventSource<Turn<LinkDevice<TunnelDevice>>>
  private var timer: TimerSource?
  private var resumption: TimerSource?
  private var isPausing = false
  private var backpressureCount = 0

  /// Makes a port that reads nothing before `start`.
  init(_ device: consuming LinkDevice<TunnelDevice>, _ host: consuming Host, on loop: EventLoop) throws(SystemError) {
    let readSize = device.wire.isOffloading ? HostPort.bufferSize : HostPort.smallReadSize
    readBuffer = UnsafeMutableRawBufferPointer(rebasing: buffer[..<readSize])
    source = EventSource(Turn(device, at: loop.now), on: loop)
    self.host = host
    self.loop = loop
    source.handle(.readable) { [unowned self] in drain() }
    timer = try TimerSource(on: loop) { [unowned self] in advance() }
    resumption = try TimerSource(on: loop) { [unowned self] in
      isPausing = false
      if backpressureCount == 0 { source.start(.readable) }
    }
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

  /// Notes that the backpressure of an identity begins or ends. While any identity has backpressure, packets stay in
  /// the device.
  func noteBackpressure(_ isOn: Bool) {
    backpressureCount += isOn ? 1 : -1
    if backpressureCount == 0 {
      if !isPausing { source.start(.readable) }
    } else if isOn, backpressureCount == 1 {
      source.cancel(.readable)
    }
  }

  /// Begins a turn.
  func begin() { turn.now = loop.now }

  /// Ends a turn: handles the events of the link and the actions of the identities, and sets the timer for the next
  /// deadline.
  func end() {
    handleLinkEvents()
    while let identity = host.nextTouched() {
      handlers?.touched(identity)
      // What an identity tells this side may be what the link gives up a packet for.
      handleLinkEvents()
    }
    while let event = host.nextEvent() { handlers?.told(event) }
    timer?.start(at: host.nextDeadline(turn: turn))
  }

  private func handleLinkEvents() {
    if turn.device.hasLink { host.handleLinkEvents(turn: &turn) }
  }

  private func advance() {
    begin()
    host.advance(turn: &turn)
    end()
  }

  /// Gives a batch of the device's packets to the host, as many as one write takes, so that none is left for a write of
  /// its own. It ends early when an identity has backpressure, because a batch of super-packets is more than a
  /// circuit's queue holds. Frames that end at the link count, too, because a storm of them would delay circuits,
  /// timers and signals.
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

  /// Reads the device once, unless there is backpressure.
  func read() -> Reading {
    guard backpressureCount == 0, !isPausing else { return .nothing }
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
    case .failed(let error):
      isPausing = true
      source.cancel(.readable)
      resumption?.start(after: HostPort.pause)
      handlers?.failed(error)
      return .nothing
    case .gone:
      source.cancel(.readable)
      handlers?.gone()
      return .nothing
    }
  }

  /// The time in seconds since 1970.
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
