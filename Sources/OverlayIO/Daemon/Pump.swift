import CLinux
import Glibc
import OverlayCore

/// Moves packets between the device and the circuits' sockets, as the node says.
final class Pump {
  /// How many packets are read from the device before circuits get their turn.
  private static let batch = 64
  /// The largest packet, or what one read takes from a circuit.
  private static let bufferSize = 256 << 10

  private let loop: EventLoop
  private let log: Log
  private let socks: SocketAddress
  private let torChanged: (_ isReachable: Bool, _ failure: SystemError?) -> Void
  private let deviceGone: () -> Void

  private var node: Node
  private var device: TunnelDevice
  private var sockets = CircuitSockets()
  private var probe: TorProbe?
  // Why the SOCKS port could not be reached when it was last tried.
  private var torFailure: SystemError?
  private var deviceSource: EventSource?
  private var isDeviceWaiting = false
  private var timer: EventSource?
  private var timerDeadline: Instant?
  // Lent to whoever reads: nothing that is read is kept in it.
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Pump.bufferSize, alignment: 16)

  /// A pump that stands still until `start`. `torChanged` tells when Tor comes into reach or goes out of it, and why;
  /// `deviceGone` that no packet will ever come from the device again.
  init(
    _ settings: NodeSettings, device: consuming TunnelDevice, socks: SocketAddress, on loop: EventLoop, log: Log,
    torChanged: @escaping (_ isReachable: Bool, _ failure: SystemError?) -> Void, deviceGone: @escaping () -> Void
  ) {
    self.loop = loop
    self.log = log
    self.socks = socks
    self.torChanged = torChanged
    self.deviceGone = deviceGone
    self.device = device
    node = Node(settings)
    deviceSource = EventSource(.readable(self.device.descriptor), on: loop) { [unowned self] in readDevice() }
    timer = EventSource(.timer, on: loop) { [unowned self] in advance() }
  }

  deinit {
    // Before the descriptor is closed: libevent must not watch a number that means another file.
    deviceSource = nil
    buffer.deallocate()
  }

  /// Begins to move packets.
  func start() {
    deviceSource?.start()
    turn { now in node.start(at: now) }
  }

  /// Takes a connection that somebody made to our onion service.
  func accept(_ stream: consuming StreamSocket) {
    let socket = CircuitSocket(stream)
    turn { now in
      guard let circuit = node.accepted(at: now) else { return }
      attach(socket, to: circuit)
      socket.reading?.start()
    }
  }

  /// Takes the hosts file's names in place of those that it held before.
  func replaceHosts(with names: [OnionName]) {
    turn { now in node.replaceHosts(with: names, at: now, device: &device) }
  }

  /// The device carries packets of so many bytes from now on.
  func mtuChanged(to bytes: Int) {
    node.mtuChanged(to: bytes)
  }

  /// The peers and counters, a line each.
  func report() -> [String] { node.report(at: loop.now) }

  /// Does `body` and all that the node wants done after it, and sets the timer for what comes next.
  private func turn(_ body: (_ now: Instant) -> Void) {
    let now = loop.now
    body(now)
    while let action = node.nextAction() { perform(action, at: now) }
    if node.isDeviceToWait != isDeviceWaiting {
      isDeviceWaiting = node.isDeviceToWait
      if isDeviceWaiting { deviceSource?.cancel() } else { deviceSource?.start() }
    }
    guard let deadline = node.nextDeadline, deadline != timerDeadline else { return }
    timerDeadline = deadline
    timer?.start(at: deadline, from: now)
  }

  private func perform(_ action: NodeAction, at now: Instant) {
    switch action {
    case .dial(let circuit): dial(circuit, at: now)
    case .flush(let circuit): flush(circuit, at: now)
    case .close(let circuit): sockets[circuit] = nil
    case .probeTor: probeTor(at: now)
    case .torReachable(let isReachable): torChanged(isReachable, isReachable ? nil : torFailure)
    case .trimMemory: oncilla_trim_memory()
    case .log(let level, let message): log.write(level, message)
    }
  }

  private func advance() {
    timerDeadline = nil
    turn { now in node.advance(to: now, device: &device) }
  }

  private func readDevice() {
    turn { now in
      for _ in 0..<Pump.batch where !node.isDeviceToWait {
        switch device.read(into: buffer) {
        case .packet(let header, let range):
          node.receive(
            fromDevice: UnsafeMutableRawBufferPointer(rebasing: buffer[range]), header, at: now, device: &device)
        case .unusable:
          break
        case .nothing:
          return
        case .gone:
          deviceSource?.cancel()
          return deviceGone()
        }
      }
    }
  }

  private func probeTor(at now: Instant) {
    do throws(SystemError) {
      probe = try TorProbe(socks, on: loop) { [unowned self] failure in
        probe = nil
        torFailure = failure
        turn { now in node.torProbed(isReachable: failure == nil, at: now) }
      }
    } catch {
      torFailure = error
      node.torProbed(isReachable: false, at: now)
    }
  }

  private func dial(_ circuit: CircuitIdentifier, at now: Instant) {
    do throws(SystemError) {
      let stream = try StreamSocket(for: socks)
      let connection = try stream.connect(to: socks)
      let socket = CircuitSocket(stream)
      attach(socket, to: circuit)
      switch connection {
      case .established: established(circuit, socket)
      case .pending: socket.isConnecting = true
      }
      if socket.isConnecting { socket.waitUntilWritable(true) }
    } catch {
      torFailure = error
      node.ended(circuit, CircuitEnd(connecting: error), at: now, device: &device)
    }
  }

  private func established(_ circuit: CircuitIdentifier, _ socket: CircuitSocket) {
    socket.isConnecting = false
    socket.waitUntilWritable(false)
    socket.reading?.start()
    node.connected(circuit)
  }

  private func attach(_ socket: CircuitSocket, to circuit: CircuitIdentifier) {
    let descriptor = socket.stream.descriptor
    socket.reading = EventSource(.readable(descriptor), on: loop) { [unowned self] in read(circuit) }
    socket.writing = EventSource(.writable(descriptor), on: loop) { [unowned self] in writable(circuit) }
    sockets[circuit] = socket
  }

  private func read(_ circuit: CircuitIdentifier) {
    guard let socket = sockets[circuit] else { return }
    turn { now in
      switch socket.stream.read(into: buffer) {
      case .bytes(let count):
        node.receive(
          UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), on: circuit, at: now, device: &device)
      case .nothing:
        break
      case .end:
        drop(circuit, .closed, at: now)
      case .failed(let error):
        drop(circuit, .failure("\(error)"), at: now)
      }
    }
  }

  private func writable(_ circuit: CircuitIdentifier) {
    guard let socket = sockets[circuit] else { return }
    turn { now in
      guard socket.isConnecting else { return flush(circuit, at: now) }
      do throws(SystemError) {
        try socket.stream.finishConnecting(to: socks)
        established(circuit, socket)
      } catch {
        torFailure = error
        drop(circuit, CircuitEnd(connecting: error), at: now)
      }
    }
  }

  private func flush(_ circuit: CircuitIdentifier, at now: Instant) {
    guard let socket = sockets[circuit] else { return }
    var failure: SystemError?
    let more = node.transmit(circuit, at: now) { runs in
      switch socket.stream.write(runs) {
      case .bytes(let count): return count
      case .failed(let error):
        failure = error
        return 0
      }
    }
    if let failure {
      drop(circuit, .failure("\(failure)"), at: now)
    } else {
      socket.waitUntilWritable(more)
    }
  }

  private func drop(_ circuit: CircuitIdentifier, _ end: CircuitEnd, at now: Instant) {
    sockets[circuit] = nil
    node.ended(circuit, end, at: now, device: &device)
  }
}

extension CircuitEnd {
  /// What a connection to the SOCKS server that failed says: mostly that nobody is there, but not where it is this host
  /// that lacks something.
  fileprivate init(connecting error: SystemError) {
    switch error.number {
    case EMFILE, ENFILE, ENOBUFS, ENOMEM, EAGAIN: self = .failure("\(error)")
    default: self = .torUnreachable
    }
  }
}
