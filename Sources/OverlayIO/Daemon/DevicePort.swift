import OverlayCore

/// The device as all identities share it: it is read here, for as long as none of them wants it to wait, and each writes
/// to it in its turn.
final class DevicePort {
  /// How many packets are read before circuits get their turn.
  private static let batch = 64
  /// The largest packet, or what one read takes from a circuit.
  private static let bufferSize = 256 << 10

  /// What packets for this host are delivered to.
  var device: TunnelDevice
  /// Lent to whoever reads: nothing that is read is kept in it.
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: DevicePort.bufferSize, alignment: 16)

  /// Takes a packet that this host sends, and what the kernel left to be done to it.
  var received: (_ packet: UnsafeMutableRawBufferPointer, _ offload: OffloadHeader, _ now: Instant) -> Void = { _, _, _ in }
  /// After packets were received: whatever they caused is to be done now.
  var finished: (_ now: Instant) -> Void = { _ in }

  private let loop: EventLoop
  private let gone: () -> Void
  private var source: EventSource?
  private var holders = 0

  /// A port at which nothing is read before `start`. `gone` tells that no packet will ever come again.
  init(_ device: consuming TunnelDevice, on loop: EventLoop, gone: @escaping () -> Void) {
    self.device = device
    self.loop = loop
    self.gone = gone
    source = EventSource(.readable(self.device.descriptor), on: loop) { [unowned self] in read() }
  }

  deinit {
    // Before the descriptor is closed: libevent must not watch a number that means another file.
    source = nil
    buffer.deallocate()
  }

  /// Begins to read.
  func start() {
    source?.start()
  }

  /// Leaves packets in the device until as many have let go as have held.
  func hold(_ isHeld: Bool) {
    holders += isHeld ? 1 : -1
    if holders == 0 { source?.start() } else if isHeld, holders == 1 { source?.cancel() }
  }

  private func read() {
    let now = loop.now
    defer { finished(now) }
    for _ in 0..<DevicePort.batch where holders == 0 {
      switch device.read(into: buffer) {
      case .packet(let header, let range):
        received(UnsafeMutableRawBufferPointer(rebasing: buffer[range]), header, now)
      case .unusable:
        break
      case .nothing:
        return
      case .gone:
        source?.cancel()
        return gone()
      }
    }
  }
}
