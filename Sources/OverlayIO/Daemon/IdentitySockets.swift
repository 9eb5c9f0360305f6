import CLinux
import OverlayCore

/// The sockets of one identity's circuits. They do the actions of the identity's node, and tell it the results.
/// Identities share the device and Tor, and know nothing of each other.
final class IdentitySockets {
  private let identity: Host.Identity
  private let loop: EventLoop
  private let told: (NodeEvent) -> Void
  /// Has Tor look anew for the service of the lookup name with this index of this identity.
  var refreshLookup: (UInt8) -> Void = { _ in }
  /// Has this identity served by all lookup names up to the one with this index.
  var serveLookup: (UInt8) -> Void = { _ in }
  private let port: HostPort
  private let tor: TorWatch
  private var sockets = CircuitSockets()
  private var isUnderBackpressure = false
  // The circuits that are read in pauses, all at the same time.
  private var coalesced: [CircuitIdentifier] = []
  private var pauseTimer: TimerSource?

  /// Makes the sockets of an identity, which does nothing before `start`. `told` gets each event of its node.
  init(
    _ identity: Host.Identity, at port: HostPort, through tor: TorWatch, on loop: EventLoop,
    told: @escaping (NodeEvent) -> Void
  ) throws(SystemError) {
    self.identity = identity
    self.loop = loop
    self.told = told
    self.port = port
    self.tor = tor
    pauseTimer = try TimerSource(on: loop) { [unowned self] in readCoalesced() }
  }

  deinit {
    if isUnderBackpressure { port.noteBackpressure(false) }
  }

  /// Starts the node.
  func start() {
    turn { node, turn in node.start(turn: &turn) }
  }

  /// Takes a connection to the identity's onion service, which came at `time` if that was not just now.
  func accept(_ stream: EventSource<StreamSocket>, since time: Instant? = nil) {
    let socket = CircuitSocket(stream)
    port.begin()
    if let circuit = change({ node, turn in node.accepted(since: time, turn: &turn) }) ?? nil {
      attach(socket, to: circuit)
      socket.source.start(.readable)
    }
    port.end()
  }

  /// Replaces the names of the hosts file.
  func replaceHosts(with names: HostNames) {
    turn { node, turn in node.replaceHosts(with: names, turn: &turn) }
  }

  /// Applies a policy in place of the one before, and returns what changed.
  func apply(_ policy: NodePolicy) -> [PolicyChange] {
    port.begin()
    let changes = change { node, turn in node.apply(policy, turn: &turn) }
    port.end()
    return changes ?? []
  }

  /// Notes what Tor tells of the publication of the identity's onion service.
  func changed(_ publication: Publication) {
    turn { node, turn in node.changed(publication, turn: &turn) }
  }

  /// Notes whether Tor's SOCKS port could be reached.
  func torProbed(isReachable: Bool) {
    turn { node, turn in node.torProbed(isReachable: isReachable, turn: &turn) }
  }

  /// Lets `body` change the node in a turn of its own. It returns `nil` if the identity is gone.
  func withNode<Result>(_ body: (inout Node, inout Turn<LinkDevice<TunnelDevice>>) -> Result) -> Result? {
    port.begin()
    defer { port.end() }
    return change(body)
  }

  /// Does all actions of the node.
  func finish() {
    while let action = port.host.nextAction(of: identity) { perform(action) }
    let hasBackpressure = port.host.hasBackpressure(for: identity)
    if hasBackpressure != isUnderBackpressure {
      isUnderBackpressure = hasBackpressure
      port.noteBackpressure(hasBackpressure)
    }
    port.host.finished(identity)
  }

  private typealias Device = LinkDevice<TunnelDevice>

  private func turn(_ body: (inout Node, inout Turn<Device>) -> Void) {
    port.begin()
    change(body)
    port.end()
  }

  @discardableResult
  private func change<Result>(_ body: (inout Node, inout Turn<Device>) -> Result) -> Result? {
    port.host.with(identity) { node in body(&node, &port.turn) }
  }

  private func perform(_ action: NodeAction) {
    switch action {
    case .dial(let circuit): dial(circuit)
    case .flush(let circuit): flush(circuit)
    case .limitUnsent(let circuit, let bytes): sockets[circuit]?.stream.limitUnsent(to: bytes)
    case .read(let circuit): readAgain(circuit)
    case .close(let circuit): sockets[circuit] = nil
    case .probeTor: tor.look()
    case .torReachable(let isReachable): tor.note(isReachable: isReachable)
    case .refreshLookup(let index): refreshLookup(index)
    case .serveLookup(let index): serveLookup(index)
    case .trimMemory: oncilla_trim_memory()
    case .tell(let event): told(event)
    }
  }

  private func dial(_ circuit: CircuitIdentifier) {
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
      change { node, turn in node.ended(circuit, CircuitEnd(connecting: error), turn: &turn) }
    }
  }

  private func established(_ circuit: CircuitIdentifier, _ socket: CircuitSocket) {
    socket.isConnecting = false
    socket.waitUntilWritable(false)
    socket.source.start(.readable)
    change { node, _ in node.connected(circuit) }
  }

  private func attach(_ socket: CircuitSocket, to circuit: CircuitIdentifier) {
    socket.source.handle(.readable) { [unowned self] in read(circuit) }
    socket.source.handle(.writable) { [unowned self] in writable(circuit) }
    sockets[circuit] = socket
  }

  private func read(_ circuit: CircuitIdentifier) {
    guard let socket = sockets[circuit] else { return }
    port.begin()
    take(from: socket, of: circuit)
    port.end()
    let isCoalesced = port.host.coalescesReads(of: circuit, identity) && socket.stream.isTCP
    if isCoalesced != socket.isCoalesced { coalesce(circuit, socket, isCoalesced) }
  }

  private func readAgain(_ circuit: CircuitIdentifier) {
    guard let socket = sockets[circuit] else { return }
    socket.source.start(.readable)
    take(from: socket, of: circuit)
  }

  private func take(from socket: CircuitSocket, of circuit: CircuitIdentifier) {
    var room = room(for: socket)
    let isLimited = port.host.limitsReading(of: identity)
    if isLimited, let most = change({ node, turn in node.readAllowance(of: circuit, turn: turn) }) {
      guard most > 0 else { return socket.source.cancel(.readable) }
      room = UnsafeMutableRawBufferPointer(rebasing: room.prefix(most))
    }
    switch socket.stream.read(into: room) {
    case .bytes(let count):
      receive(count, on: circuit)
    case .nothing:
      if socket.isCoalesced || isLimited { receive(0, on: circuit) }
    case .end:
      drop(circuit, .closed)
    case .failed(let error):
      drop(circuit, .failure("\(error)"))
    }
  }

  /// Returns the part of the buffer for a read of a circuit: small enough that others are served in time.
  private func room(for socket: CircuitSocket) -> UnsafeMutableRawBufferPointer {
    let size =
      socket.isCoalesced
      ? HostPort.readSize(in: coalesced.count / HostPort.coalescedTogether, of: port.buffer.count)
      : HostPort.readSize(in: loop.crowd, of: port.readBuffer.count)
    return UnsafeMutableRawBufferPointer(rebasing: port.buffer[..<size])
  }

  private func receive(_ count: Int, on circuit: CircuitIdentifier) {
    let bytes = UnsafeMutableRawBufferPointer(rebasing: port.buffer[..<count])
    change { node, turn in node.receive(bytes, on: circuit, turn: &turn) }
  }

  private func coalesce(_ circuit: CircuitIdentifier, _ socket: CircuitSocket, _ isCoalesced: Bool) {
    socket.isCoalesced = isCoalesced
    guard isCoalesced else { return coalesced.removeAll { $0 == circuit } }
    if coalesced.isEmpty { pauseTimer?.start(after: ReadCoalescing.pause) }
    coalesced.append(circuit)
  }

  private func readCoalesced() {
    coalesced.removeAll { sockets[$0] == nil }
    for circuit in coalesced { read(circuit) }
    if !coalesced.isEmpty { pauseTimer?.start(after: ReadCoalescing.pause) }
  }

  private func writable(_ circuit: CircuitIdentifier) {
    guard let socket = sockets[circuit] else { return }
    port.begin()
    if socket.isConnecting {
      do throws(SystemError) {
        try socket.stream.finishConnecting(to: tor.socks)
        established(circuit, socket)
      } catch {
        tor.failed(error)
        drop(circuit, CircuitEnd(connecting: error))
      }
    } else {
      flush(circuit)
    }
    port.end()
  }

  private func flush(_ circuit: CircuitIdentifier) {
    guard let socket = sockets[circuit] else { return }
    var failure: SystemError?
    let vectors = port.vectors
    let more = change { node, turn in
      node.transmit(circuit, turn: turn) { runs in
        switch socket.stream.write(runs, listedIn: vectors) {
        case .bytes(let count): return count
        case .failed(let error):
          failure = error
          return 0
        }
      }
    }
    if let failure {
      drop(circuit, .failure("\(failure)"))
    } else {
      socket.waitUntilWritable(more == true)
    }
  }

  private func drop(_ circuit: CircuitIdentifier, _ end: CircuitEnd) {
    sockets[circuit] = nil
    change { node, turn in node.ended(circuit, end, turn: &turn) }
  }
}
