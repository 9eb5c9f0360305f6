import Glibc
import OverlayCore

/// The device as all identities share it: it is read here, for as long as none of them wants it to wait, and each writes
/// to it in its turn.
final class DevicePort {
  /// What is told of the device.
  struct Handlers {
    /// There may be packets: takes a batch of them by `next`, and does what they cause.
    var readable: (_ now: Instant) -> Void
    /// Takes what a host of the link asks its routers and servers for.
    var requested: (_ packet: UnsafeRawBufferPointer, _ station: MACAddress, _ now: Instant) -> Void
    /// Takes what the link wants done.
    var happened: (EthernetLink.Event, _ now: Instant) -> Void
    /// Whether a peer with this address is there.
    var isLive: (IPv6Address) -> Bool
    /// No packet will ever come again.
    var gone: () -> Void
  }

  /// What a read of the device brought.
  enum Incoming {
    /// A packet, and what the kernel left to be done to it. It lies in `buffer`.
    case packet(UnsafeMutableRawBufferPointer, OffloadHeader)
    /// Something that ends here: a frame that the link answers or drops, or what nobody can use.
    case consumed
    /// Nothing more comes now.
    case nothing
  }

  /// What one read takes from a circuit: all of a turn. The largest packet is shorter.
  private static let bufferSize = ReadCoalescing.pauseBytes
  /// The same where each packet goes to the device by itself: what is not delivered soon falls out of the processor's
  /// cache.
  private static let smallReadSize = 96 << 10

  /// From how many circuits on that have something to read at once each is read in small pieces.
  private static let crowd = 8
  /// How many circuits that are read in turns are read whole at the same time.
  static let turnsTogether = 8
  /// The least that is read at once.
  private static let smallestRead = 1 << 10

  /// How much of what was sent on a circuit is read at once where `crowd` others have their turn after it, in bytes. In a
  /// crowd it is little: strangers' packets can be small, and each costs as much time as a long one.
  static func readSize(in crowd: Int, of whole: Int) -> Int {
    let share = min(whole, bufferSize / max(crowd, 1))
    return crowd <= DevicePort.crowd ? share : max(smallestRead, share / 4)
  }

  /// What packets for this side are delivered to.
  var turn: Turn<OverlayDevice> {
    _read { yield source.file }
    _modify { yield &source.file }
  }
  /// The device of all turns.
  var device: OverlayDevice {
    _read { yield source.file.device }
    _modify { yield &source.file.device }
  }
  /// Lent to whoever reads: nothing that is read is kept in it.
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: DevicePort.bufferSize, alignment: 16)
  /// Lent to whoever writes to a circuit.
  let vectors = UnsafeMutableBufferPointer<iovec>.allocate(capacity: WriteRuns.limit)
  /// The part of `buffer` that is lent to a circuit that is not read in turns.
  let readBuffer: UnsafeMutableRawBufferPointer

  private let loop: EventLoop
  private var handlers: Handlers?
  private let source: EventSource<Turn<OverlayDevice>>
  private var timer: TimerSource?
  private var holders = 0

  /// A port at which nothing is read before `start`.
  init(_ device: consuming OverlayDevice, on loop: EventLoop) throws(SystemError) {
    let readSize = device.tunnel.isOffloading ? DevicePort.bufferSize : DevicePort.smallReadSize
    readBuffer = UnsafeMutableRawBufferPointer(rebasing: buffer[..<readSize])
    source = EventSource(Turn(device), on: loop)
    self.loop = loop
    source.handle(.readable) { [unowned self] in read() }
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

  /// Leaves packets in the device until as many have let go as have held.
  func hold(_ isHeld: Bool) {
    holders += isHeld ? 1 : -1
    if holders == 0 { source.start(.readable) } else if isHeld, holders == 1 { source.cancel(.readable) }
  }

  /// Does what the link wants after the device was used, and sets the timer for what comes next.
  func settle(at now: Instant) {
    guard device.hasLink else { return }
    while let event = device.link?.nextEvent() { handlers?.happened(event, now) }
    if let deadline = device.link?.nextDeadline { timer?.start(at: deadline) }
  }

  private func advance() {
    let now = loop.now
    device.advance(to: now)
    settle(at: now)
  }

  /// Reads once what this host or one behind it sends; nothing is taken as long as the device has to wait. Every read
  /// counts towards the caller's batch: a storm of frames that end here would hold up circuits, timers and signals.
  func next(at now: Instant) -> Incoming {
    guard holders == 0 else { return .nothing }
    switch device.tunnel.read(into: buffer) {
    case .packet(let offload, let range):
      let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[range])
      return device.hasLink ? open(bytes, offload, at: now) : .packet(bytes, offload)
    case .unusable:
      return .consumed
    case .nothing:
      return .nothing
    case .gone:
      source.cancel(.readable)
      handlers?.gone()
      return .nothing
    }
  }

  private func read() {
    let now = loop.now
    turn.now = now
    handlers?.readable(now)
    settle(at: now)
  }

  private func open(
    _ frame: UnsafeMutableRawBufferPointer, _ offload: OffloadHeader, at now: Instant
  ) -> Incoming {
    guard let handlers else { return .nothing }
    switch device.open(frame, offload, at: now, isLive: handlers.isLive) {
    case .packet(let range, let offload):
      return .packet(UnsafeMutableRawBufferPointer(rebasing: frame[range]), offload)
    case .request(let range, let station):
      handlers.requested(UnsafeRawBufferPointer(rebasing: frame[range]), station, now)
      return .consumed
    case .consumed:
      return .consumed
    }
  }
}
