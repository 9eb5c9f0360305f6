import Testing

@testable import OverlayCore

/// Hosts, the Tor between them, and the time: everything that a node's owner does, without a socket or a clock. Bytes
/// move in pieces that a seeded generator chooses.
final class FakeWorld {
  var now = Instant(nanoseconds: 1_000_000_000_000)
  var random: SeededGenerator
  /// How many bytes move at once.
  var pieces = 1...3_000
  /// Whether the SOCKS server takes connections.
  var isTorReachable = true
  /// What Tor makes of requests for a name; it grants what is not listed.
  var outcomes: [String: DialOutcome] = [:]
  /// The code of SOCKS5 that Tor gives for a name. Of others it tells nothing, as a server that knows SOCKS4 alone.
  var reasons: [String: UInt8] = [:]
  /// What the lookup services do that Tor knows, by their names.
  var lookUpServices: [String: LookUpService] = [:]
  /// All circuits that were ever dialled, in this order.
  private(set) var circuits: [FakeCircuit] = []
  /// Those of them on which something may still move: of thousands that came and went, none costs time at every step.
  private var open: [FakeCircuit] = []
  private var hosts: [FakeHost] = []

  init(seed: UInt64 = 1) {
    random = SeededGenerator(seed: seed)
  }

  /// Adds a host that has not started yet.
  func add(_ host: FakeHost) -> FakeHost {
    hosts.append(host)
    return host
  }

  /// Adds a host and starts it.
  func start(_ host: FakeHost) -> FakeHost {
    hosts.append(host)
    host.start(at: now)
    settle()
    return host
  }

  /// `host` sends `packet`; nothing else happens before `settle`.
  func queue(_ packet: [UInt8], _ offload: OffloadHeader = .none, from host: FakeHost) {
    host.receive(fromDevice: packet, offload, at: now)
  }

  /// `host` sends `packet`, and all that follows happens.
  func send(_ packet: [UInt8], _ offload: OffloadHeader = .none, from host: FakeHost) {
    queue(packet, offload, from: host)
    settle()
  }

  /// Tor grants a circuit that it was silent about; the test plays the other side.
  func grant(_ circuit: FakeCircuit) {
    circuit.isGranted = true
    answer([0, 0x5a, 0, 0, 0, 0, 0, 0], on: circuit)
  }

  /// The test calls `host`, at `time` if not just now, and plays the other side; `nil` if the call is not taken.
  func call(_ host: FakeHost, since time: Instant? = nil) -> FakeCircuit? {
    let circuit = FakeCircuit(dialler: nil, nil)
    return accept(circuit, since: time, at: host) ? circuit : nil
  }

  /// The test, as the dialler, sends bytes on a circuit.
  func say(_ bytes: [UInt8], on circuit: FakeCircuit) {
    speak(on: circuit)
    circuit.forward += bytes
    settle()
  }

  /// The test, as the acceptor, sends bytes on a circuit.
  func answer(_ bytes: [UInt8], on circuit: FakeCircuit) {
    speak(on: circuit)
    circuit.backward += bytes
    settle()
  }

  /// Somebody between the two sides cuts the circuit.
  func cut(_ circuit: FakeCircuit) {
    circuit.isClosed = true
    settle()
  }

  /// The hosts file of `host` is now this.
  func replaceHosts(of host: FakeHost, with names: [OnionName]) {
    host.replaceHosts(with: HostNames(names), at: now)
    settle()
  }

  /// Adds and starts a host whose hosts file has these names.
  func start(_ host: FakeHost, knowing names: [OnionName]) -> FakeHost {
    let host = start(host)
    replaceHosts(of: host, with: names)
    return host
  }

  /// A host loses its power: it closes nothing, and its circuits go on to take bytes.
  func vanish(_ host: FakeHost) {
    hosts.removeAll { $0 === host }
    for circuit in circuits where circuit.dialler === host || circuit.acceptor === host {
      circuit.isSwallowing = true
      circuit.forward = []
      circuit.backward = []
      if circuit.dialler === host { circuit.isFlushRequested = false }
    }
  }

  /// Lets the time pass: whatever is due is done at its time.
  func pass(_ duration: Duration) {
    settle()
    let end = now + duration
    var turns = 0
    while let next = hosts.map({ $0.node.nextDeadline }).min(), next <= end {
      turns += 1
      guard turns < 100_000 else {
        Issue.record("a node asks to be looked at again and again")
        return
      }
      now = max(now, next)
      for host in hosts { host.advance(to: now) }
      settle()
    }
    now = end
  }

  /// Does what the nodes want done and moves bytes until nothing moves any more.
  func settle() {
    var isMoving = true
    while isMoving {
      isMoving = false
      for host in hosts where performActions(of: host) { isMoving = true }
      for circuit in open.shuffled(using: &random) where move(circuit) { isMoving = true }
    }
    // Nothing moves: who has closed a circuit has been heard on its other side.
    open.removeAll { $0.isClosed }
  }

  /// The test is about to say something on a circuit, which may be closed.
  private func speak(on circuit: FakeCircuit) {
    if circuit.isClosed { open.append(circuit) }
  }

  private func add(_ circuit: FakeCircuit) {
    circuits.append(circuit)
    open.append(circuit)
  }

  private func accept(_ circuit: FakeCircuit, since time: Instant? = nil, at host: FakeHost) -> Bool {
    guard let identifier = host.accepted(since: time, at: now) else { return false }
    circuit.isGranted = true
    circuit.acceptor = host
    circuit.acceptorIdentifier = identifier
    host.sockets[identifier] = circuit
    if circuit.dialler == nil { add(circuit) }
    return true
  }

  private func performActions(of host: FakeHost) -> Bool {
    var isAny = false
    while let action = host.node.nextAction() {
      isAny = true
      switch action {
      case .dial(let identifier):
        if case .connectingToAsk(let question) = host.node.streams[identifier].state {
          ask(question, on: identifier, of: host)
          continue
        }
        host.dials.append(now)
        guard isTorReachable else {
          host.ended(identifier, .torUnreachable, at: now)
          continue
        }
        let circuit = FakeCircuit(dialler: host, identifier)
        add(circuit)
        host.sockets[identifier] = circuit
        host.node.connected(identifier)
      case .flush(let identifier):
        guard let circuit = host.sockets[identifier] else { continue }
        #expect(circuit.dialler === host, "a node sends only on circuits that it dialled")
        circuit.isFlushRequested = true
      case .limitUnsent(let identifier, let bytes):
        host.sockets[identifier]?.unsentLimit = bytes
      case .read(let identifier):
        guard let circuit = host.sockets[identifier] else { continue }
        circuit.isPaused = false
        if circuit.forward.isEmpty { host.receive([], on: identifier, at: now) }
      case .close(let identifier):
        host.sockets.removeValue(forKey: identifier)?.isClosed = true
      case .probeTor:
        host.probes.append(now)
        host.torProbed(isReachable: isTorReachable, at: now)
      case .torReachable(let isReachable):
        host.torChanges.append(isReachable)
      case .refreshLookup(let index):
        host.refreshed.append(index)
      case .serveLookup(let index):
        host.servedLookups.append(index)
      case .trimMemory:
        host.trims += 1
      case .tell(let event):
        host.events.append(event)
      }
    }
    return isAny
  }

  private func ask(_ question: SOCKS5Question, on identifier: CircuitIdentifier, of host: FakeHost) {
    let circuit = FakeCircuit(dialler: host, identifier)
    if question.textLimit > 0 {
      let service = lookUpServices["\(question.name)"] ?? .absent
      host.lookUps.append((question, now))
      guard isTorReachable else { return host.ended(identifier, .torUnreachable, at: now) }
      circuit.reason = service.code
      circuit.lookUp = service
    } else {
      host.questions.append(now)
      guard let reason = reasons["\(question.name)"] else { return host.ended(identifier, .closed, at: now) }
      circuit.reason = reason
    }
    open.append(circuit)
    host.sockets[identifier] = circuit
    host.node.connected(identifier)
  }

  private func move(_ circuit: FakeCircuit) -> Bool {
    let isSent = transmit(circuit)
    let isForwarded = moveForward(circuit)
    let isBackward = moveBackward(circuit)
    if isSent || isForwarded || isBackward { return true }
    return circuit.isClosed && end(circuit)
  }

  private func transmit(_ circuit: FakeCircuit) -> Bool {
    guard circuit.isFlushRequested, circuit.room > 0 || !circuit.isFull, !circuit.isClosed, let host = circuit.dialler,
      let identifier = circuit.diallerIdentifier
    else { return false }
    var room = min(circuit.room, Int.random(in: pieces, using: &random))
    circuit.isFlushRequested = host.transmit(identifier, at: now) { runs in
      var taken = 0
      for run in runs {
        let part = run.prefix(room)
        circuit.forward += part
        room -= part.count
        circuit.room -= part.count
        taken += part.count
      }
      return taken
    }
    circuit.isFull = circuit.isFlushRequested && circuit.room == 0
    return true
  }

  private func moveForward(_ circuit: FakeCircuit) -> Bool {
    guard !circuit.forward.isEmpty else { return false }
    if circuit.reason != nil { return circuit.answerQuestion() }
    if circuit.isSwallowing {
      circuit.forward = []
      return true
    }
    guard circuit.isGranted else { return circuit.request == nil && circuit.takeRequest() && decide(circuit) }
    guard let host = circuit.acceptor, let identifier = circuit.acceptorIdentifier else {
      circuit.arrived += takePiece(&circuit.forward)
      return true
    }
    var most = Int.max
    if host.node.limitsReading {
      guard !circuit.isPaused else { return false }
      most = host.readAllowance(of: identifier, at: now)
      circuit.isPaused = most == 0
      guard most > 0 else { return false }
    }
    let piece = takePiece(&circuit.forward, atMost: most)
    circuit.arrived += piece
    host.receive(piece, on: identifier, at: now)
    return true
  }

  private func moveBackward(_ circuit: FakeCircuit) -> Bool {
    guard !circuit.backward.isEmpty, let host = circuit.dialler, let identifier = circuit.diallerIdentifier else {
      return false
    }
    host.receive(takePiece(&circuit.backward), on: identifier, at: now)
    return true
  }

  private func decide(_ circuit: FakeCircuit) -> Bool {
    guard let request = circuit.request else { return false }
    switch outcomes[request.name] ?? .granted {
    case .granted:
      let host = hosts.first { "\($0.name)" == request.name }
      if let host, !accept(circuit, at: host) { return refuse(circuit, 0x5b) }
      circuit.isGranted = true
      circuit.backward = [0, 0x5a, 0, 0, 0, 0, 0, 0]
    case .refused(let code): return refuse(circuit, code)
    case .silence: break
    case .garbage(let bytes): circuit.backward = bytes
    }
    return true
  }

  private func refuse(_ circuit: FakeCircuit, _ code: UInt8) -> Bool {
    circuit.backward = [0, code, 0, 0, 0, 0, 0, 0]
    return true
  }

  /// Tells the sides that have not closed the circuit themselves.
  private func end(_ circuit: FakeCircuit) -> Bool {
    var isAny = false
    for (host, identifier) in [
      (circuit.dialler, circuit.diallerIdentifier), (circuit.acceptor, circuit.acceptorIdentifier),
    ] {
      guard let host, let identifier, host.sockets.removeValue(forKey: identifier) != nil else { continue }
      host.ended(identifier, .closed, at: now)
      isAny = true
    }
    return isAny
  }

  private func takePiece(_ bytes: inout [UInt8], atMost most: Int = .max) -> [UInt8] {
    let piece = Array(bytes.prefix(min(most, Int.random(in: pieces, using: &random))))
    bytes.removeFirst(piece.count)
    return piece
  }
}
