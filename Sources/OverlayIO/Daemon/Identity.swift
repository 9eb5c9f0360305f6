import CLinux
import Glibc
import OverlayCore

/// One of this host's identities: its node, and the sockets of the node's circuits. Identities share the device and
/// Tor, and know nothing of each other.
final class Identity {
  private let loop: EventLoop
  private let log: Log
  private let port: DevicePort
  private let tor: TorWatch
  private var node: Node
  private var sockets = CircuitSockets()
  private var isHoldingDevice = false
  private var timer: TimerSource?
  // The circuits that are read in turns, all at the same time.
  private var circuitsInTurns: [CircuitIdentifier] = []
  private var turnTimer: TimerSource?

  /// An identity that stands still until `start`.
  init(
    _ settings: NodeSettings, at port: DevicePort, through tor: TorWatch, on loop: EventLoop, log: Log
  ) throws(SystemError) {
    self.loop = loop
    self.log = log
    self.port = port
    self.tor = tor
    node = Node(settings)
    timer = try TimerSource(on: loop) { [unowned self] in advance() }
    turnTimer = try TimerSource(on: loop) { [unowned self] in readInTurns() }
  }

  /// Begins to look for Tor and to dial.
  func start() {
    turn { now in node.start(turn: &port.turn) }
  }

  /// Takes a connection that somebody made to the identity's onion service.
  func accept(_ stream: EventSource<StreamSocket>) {
    let socket = CircuitSocket(stream)
    turn { now in
      guard let circuit = node.accepted(turn: &port.turn) else { return }
      attach(socket, to: circuit)
      socket.source.start(.readable)
    }
  }

  /// Whether packets had better stay in the device for now, as far as it is known before `finish`.
  var wantsDeviceToWait: Bool { node.isDeviceToWait }

  /// Takes a packet that came from the device; `finish` does what it causes.
  func receive(_ packet: UnsafeMutableRawBufferPointer, _ offload: OffloadHeader, at now: Instant) {
    node.receive(fromDevice: packet, offload, turn: &port.turn)
  }

  /// Takes the hosts file's names in place of those that it held before.
  func replaceHosts(with names: HostNames) {
    turn { now in node.replaceHosts(with: names, turn: &port.turn) }
  }

  /// The device carries packets of so many bytes from now on.
  func mtuChanged(to bytes: Int) {
    node.mtuChanged(to: bytes)
  }

  /// A host of the link asks for `address`: the peer is dialled while it waits.
  func want(_ address: IPv6Address) {
    turn { now in node.want(address, turn: &port.turn) }
  }

  /// Whether a peer with this address is there now.
  func isLive(_ address: IPv6Address) -> Bool { node.isLive(address) }

  /// Tells the sender of a packet that came from the overlay why it did not arrive.
  func refuse(fromOverlay packet: [UInt8], _ error: DeliveryError) {
    turn { now in packet.withUnsafeBytes { node.refuse(fromOverlay: $0, error, turn: &port.turn) } }
  }

  /// Whether Tor's SOCKS port could be reached when it was tried.
  func torProbed(isReachable: Bool) {
    turn { now in node.torProbed(isReachable: isReachable, turn: &port.turn) }
  }

  /// The peers and counters, a line each.
  func report() -> [String] { node.status(at: loop.now).lines }

  /// Does all that the node wants done, and sets the timer for what comes next.
  func finish(at now: Instant) {
    while let action = node.nextAction() { perform(action, at: now) }
    if node.isDeviceToWait != isHoldingDevice {
      isHoldingDevice = node.isDeviceToWait
      port.hold(isHoldingDevice)
    }
    timer?.start(at: node.nextDeadline)
  }

  private func turn(_ body: (_ now: Instant) -> Void) {
    let now = begin()
    body(now)
    end(at: now)
  }

  private func begin() -> Instant {
    let now = loop.now
    port.turn.now = now
    return now
  }

  private func end(at now: Instant) {
    finish(at: now)
    port.settle(at: now)
  }

  private func perform(_ action: NodeAction, at now: Instant) {
    switch action {
    case .dial(let circuit): dial(circuit, at: now)
    case .flush(let circuit): flush(circuit, at: now)
    case .close(let circuit): sockets[circuit] = nil
    case .probeTor: tor.look()
    case .torReachable(let isReachable): tor.note(isReachable: isReachable)
    case .trimMemory: oncilla_trim_memory()
    case .tell(let event): log.write(event)
    }
  }

  private func advance() {
    turn { now in node.advance(turn: &port.turn) }
  }

  private func dial(_ circuit: CircuitIdentifier, at now: Instant) {
    do throws(SystemError) {
      let socket = CircuitSocket(EventSource(try StreamSocket(for: tor.socks), on: loop))
      let connection = try socket.stream.connect(to: tor.socks)
      attach(socket, to: circuit)
      switch connection {
      case .established: established(circuit, socket)
      case .pending: socket.isConnecting = true
      }
      if socket.isConnecting { socket.waitUntilWritable(true) }
    } catch {
      tor.failed(error)
      node.ended(circuit, CircuitEnd(connecting: error), turn: &port.turn)
    }
  }

  private func established(_ circuit: CircuitIdentifier, _ socket: CircuitSocket) {
    socket.isConnecting = false
    socket.waitUntilWritable(false)
    socket.source.start(.readable)
    node.connected(circuit)
  }

  private func attach(_ socket: CircuitSocket, to circuit: CircuitIdentifier) {
    socket.source.handle(.readable) { [unowned self] in read(circuit) }
    socket.source.handle(.writable) { [unowned self] in writable(circuit) }
    sockets[circuit] = socket
  }

  private func read(_ circuit: CircuitIdentifier) {
    guard let socket = sockets[circuit] else { return }
    let now = begin()
    switch socket.stream.read(into: room(for: socket)) {
    case .bytes(let count):
      receive(count, on: circuit, at: now)
    case .nothing:
      if socket.isReadInTurns { receive(0, on: circuit, at: now) }
    case .end:
      drop(circuit, .closed, at: now)
    case .failed(let error):
      drop(circuit, .failure("\(error)"), at: now)
    }
    end(at: now)
    if (node.coalescesReads(of: circuit) && socket.stream.isTCP) != socket.isReadInTurns {
      changeTurns(of: circuit, socket)
    }
  }

  /// Where a circuit is read into: as much as leaves others their turn.
  private func room(for socket: CircuitSocket) -> UnsafeMutableRawBufferPointer {
    let size =
      socket.isReadInTurns
      ? DevicePort.readSize(in: circuitsInTurns.count / DevicePort.turnsTogether, of: port.buffer.count)
      : DevicePort.readSize(in: loop.crowd, of: port.readBuffer.count)
    return UnsafeMutableRawBufferPointer(rebasing: port.buffer[..<size])
  }

  private func receive(_ count: Int, on circuit: CircuitIdentifier, at now: Instant) {
    node.receive(
      UnsafeMutableRawBufferPointer(rebasing: port.buffer[..<count]), on: circuit, turn: &port.turn)
  }

  private func changeTurns(of circuit: CircuitIdentifier, _ socket: CircuitSocket) {
    socket.isReadInTurns.toggle()
    guard socket.isReadInTurns else { return circuitsInTurns.removeAll { $0 == circuit } }
    if circuitsInTurns.isEmpty { turnTimer?.start(after: ReadCoalescing.pause) }
    circuitsInTurns.append(circuit)
  }

  private func readInTurns() {
    circuitsInTurns.removeAll { sockets[$0] == nil }
    for circuit in circuitsInTurns { read(circuit) }
    if !circuitsInTurns.isEmpty { turnTimer?.start(after: ReadCoalescing.pause) }
  }

  private func writable(_ circuit: CircuitIdentifier) {
    guard let socket = sockets[circuit] else { return }
    turn { now in
      guard socket.isConnecting else { return flush(circuit, at: now) }
      do throws(SystemError) {
        try socket.stream.finishConnecting(to: tor.socks)
        established(circuit, socket)
      } catch {
        tor.failed(error)
        drop(circuit, CircuitEnd(connecting: error), at: now)
      }
    }
  }

  private func flush(_ circuit: CircuitIdentifier, at now: Instant) {
    guard let socket = sockets[circuit] else { return }
    var failure: SystemError?
    let more = node.transmit(circuit, turn: port.turn) { runs in
      switch socket.stream.write(runs, listedIn: port.vectors) {
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
    node.ended(circuit, end, turn: &port.turn)
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
