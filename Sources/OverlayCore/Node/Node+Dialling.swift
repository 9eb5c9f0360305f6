extension Node {
  /// How long Tor may take to grant a circuit.
  static let dialTimeout = Duration.seconds(60)
  /// How often it is tried whether Tor is back.
  static let torProbeInterval = Duration.seconds(2)
  /// What reports call the peer that is this host itself, by way of Tor.
  static let ownLabel = "own onion service (feed:beef)"
  /// A circuit that lived shorter than this counts as a failed attempt.
  static let shortLife = Duration.seconds(30)

  /// Tells whether the SOCKS server takes connections.
  public mutating func torProbed(isReachable: Bool, at now: Instant) {
    guard isReachable else { return torLost(at: now) }
    guard tor != .reachable else { return }
    tor = .reachable
    perform(.torReachable(true))
    for name in peers.keys { peers[name]?.pace.forgive() }
    for peer in settings.peers { redial(peer.name, at: now) }
  }

  /// The SOCKS server took the connection of this circuit.
  public mutating func connected(_ circuit: CircuitIdentifier) {
    guard circuits.contains(circuit), case .connecting(let name) = circuits[circuit].state else { return }
    let lane = circuits[circuit].lane
    let userIdentifier =
      isSuccessor(circuit)
      ? peers[name]?.successor?.userIdentifier
      : lane == FlowTable.sparseLane ? peers[name]?.userIdentifier : peers[name]?.bulk[lane - 1].userIdentifier
    circuits[circuit].state = .requested(name, SOCKS4aReply())
    circuits[circuit].preamble = SOCKS4aRequest.bytes(
      name: name, port: settings.servicePort, userIdentifier: userIdentifier ?? makeUserIdentifier())
    requestFlush(circuit)
  }

  /// Begins a circuit to `name`, or finds that one may not be begun now. `isTurn`: to a stranger whose turn it is.
  mutating func dial(_ name: OnionName, isTurn: Bool = false, at now: Instant) -> CircuitIdentifier? {
    guard tor != .unreachable else { return nil }
    let isSelf = name == settings.name
    var peer =
      peers[name]
      ?? Peer(
        name: name, label: isSelf ? Node.ownLabel : "\(name.address)", isPermanent: false, isSelf: isSelf,
        userIdentifier: makeUserIdentifier())
    guard peer.link == .none, peer.pace.nextAttempt(from: now) <= now else { return nil }
    guard hasRoomToDial(isConfigured: peer.isPermanent) else {
      counters[.circuitLimit] += 1
      return nil
    }
    let isStranger = names.isUnreached(name)
    if isStranger, !isTurn, !mayDialStranger(name, at: now) { return nil }
    guard dialTurns.take(isConfigured: peer.isPermanent, at: now) else {
      counters[.dialLimit] += 1
      if peer.isPermanent { awaitTurn(name, at: now) }
      if isStranger, !isTurn { awaitStrangersTurn(name, at: now) }
      return nil
    }
    makeRoomToDial()
    let token: [UInt8] = isSelf ? (0..<16).map { _ in random.next() } : []
    let circuit = beginCircuit(to: name, selfCallToken: token, timeout: Node.dialTimeout, at: now)
    circuits[circuit].bulk = Array(repeating: nil, count: settings.circuitsPerPeer - 1)
    while peer.bulk.count < settings.circuitsPerPeer - 1 {
      peer.bulk.append(Peer.BulkLane(userIdentifier: makeUserIdentifier()))
    }
    peer.pace.attempted(at: now)
    peer.link = .dialling(circuit)
    peers[name] = peer
    dialled[destination(of: peer)] = circuit
    tell(.dialling(name, circuit: 0))
    return circuit
  }

  /// Lets a circuit to a peer be dialled, of whichever kind, whose turn it is.
  mutating func beginCircuit(
    to name: OnionName, lane: Int = FlowTable.sparseLane, selfCallToken: [UInt8] = [], timeout: Duration,
    at now: Instant
  ) -> CircuitIdentifier {
    counters[.dialled] += 1
    let circuit = circuits.insert(
      Circuit(
        .connecting(name), lane: lane, at: now, selfCallToken: selfCallToken,
        flowLabel: random.next(upperBound: 0xfffff) + 1))
    lookAgain(at: circuit, when: now + timeout)
    perform(.dial(circuit))
    return circuit
  }

  /// Tor granted the circuit: who we are goes first.
  mutating func granted(_ circuit: CircuitIdentifier, to name: OnionName, at now: Instant) {
    counters[.granted] += 1
    dialTurns.ended()
    circuits[circuit].state = .open(name)
    raise(circuit, to: standing(of: name.address), at: now)
    circuits[circuit].preamble = keepalive(on: circuit, to: name)
    circuits[circuit].takesSuperPackets = names.capabilities(of: name)?.contains(.superPackets) == true
    circuits[circuit].lastSent = now
    circuits[circuit].lastProgress = now
    if isSuccessor(circuit) {
      successorGranted(circuit, to: name, at: now)
    } else if circuits[circuit].lane == FlowTable.sparseLane {
      peers[name]?.link = .open(circuit)
      names.reached(name)
      if let change = change(of: name, to: .connected) { tell(.connected(change)) }
      circuits[circuit].lastHeard = now
      circuits[circuit].unansweredSince = nil
      if circuits[circuit].waiting.count > 0 { awaitAnswer(on: circuit, at: now) }
    } else {
      bulkLaneGranted(circuit, to: name)
    }
    var waiting = PacketQueue()
    swap(&waiting, &circuits[circuit].waiting)
    while let slot = waiting.popFirst(store) {
      put(slot, flow: PacketView(reading: store[slot].bytes)?.flow ?? 0, on: circuit, at: now)
    }
    lookAgain(at: circuit, when: now)
    requestFlush(circuit)
  }

  /// What is first on a circuit that we dialled, or is sent later to say something more. Capabilities are always told: who
  /// tells any can be asked whether it is there.
  func keepalive(
    on circuit: CircuitIdentifier, to name: OnionName, saying more: [Keepalive.Extension] = []
  ) -> [UInt8] {
    let token = circuits[circuit].selfCallToken
    let capabilities: Capabilities = settings.isOffloading ? .superPackets : []
    var extensions = [Keepalive.Extension(type: Keepalive.Extension.capabilities, value: capabilities.bytes)]
    if !token.isEmpty { extensions.append(.init(type: Keepalive.Extension.selfCall, value: token)) }
    return Keepalive(name: settings.name, extensions: extensions + more)
      .packet(to: name.address, flowLabel: circuits[circuit].flowLabel)
  }

  /// A circuit that we dialled is gone: what waited on it is answered or goes to the next one.
  mutating func dialledEnded<Device: PacketSink & ~Copyable>(
    _ circuit: consuming Circuit, _ identifier: CircuitIdentifier, to name: OnionName, _ end: CircuitEnd,
    at now: Instant,
    device: inout Device
  ) {
    var circuit = circuit
    if circuit.lane != FlowTable.sparseLane { return bulkLaneEnded(&circuit, to: name, end, at: now) }
    if peers[name]?.successor?.circuit == identifier { return successorEnded(&circuit, to: name, end, at: now) }
    if end != .unneeded, let successor = peers[name]?.successor, circuits[successor.circuit].isOpen {
      return inherit(&circuit, identifier, to: name, at: now)
    }
    if end != .unneeded, let heir = heir(of: circuit) {
      return promote(heir, inPlaceOf: &circuit, identifier, to: name, end, at: now)
    }
    if end != .unneeded, end != .torUnreachable, peers[name]?.successor != nil {
      return inherit(&circuit, identifier, to: name, at: now)
    }
    closeSuccessor(of: name)
    guard var peer = peers[name] else { return giveBack(&circuit) }
    peer.link = .none
    peer.liveness.trust()
    // Another name of the same address may have taken its place.
    if dialled[destination(of: peer)] == identifier { dialled[destination(of: peer)] = nil }
    let wasOpen = circuit.isOpen
    if !wasOpen { counters[.dialFailed] += 1 }
    let jitter = Double.random(in: 0..<1, using: &random)
    switch end {
    case .unneeded: if wasOpen, now - circuit.began >= Node.shortLife { peer.pace.forgive() }
    case .torUnreachable: torLost(at: now)
    case .failure where !wasOpen:
      names.failed(name)
      peer.pace.failed(at: now, jitter: jitter)
    case .failure where now - circuit.began < Node.shortLife: peer.pace.lost(at: now, jitter: jitter)
    case .failure: peer.pace.forgive()
    }
    peers[name] = peer
    var isWanted = false
    if case .failure(let why) = end {
      isWanted = true
      let userIdentifier = makeUserIdentifier()
      peers[name]?.userIdentifier = userIdentifier
      let reason: NodeEvent.Disconnection = wasOpen ? .lost(why) : .notReached(why, nextTry(of: peer, at: now))
      peers[name]?.lastError = (reason, now)
      if let change = change(of: name, to: .lost) { tell(.disconnected(change, reason)) }
    }
    keepQueue(&circuit.queue, in: &circuit.waiting)
    closeBulkLanes(of: name, keeping: &circuit.waiting)
    if isWanted, wasOpen, circuit.waiting.count > 0, let next = dial(name, at: now) {
      circuits[next].waiting = circuit.waiting
    } else {
      while let slot = circuit.waiting.popFirst(store) {
        counters[.lostWithCircuit] += 1
        if let packet = PacketView(reading: store[slot].bytes) {
          refuse(packet, .addressUnreachable, at: now, device: &device)
        }
        store.takeBack(slot)
      }
      redial(name, at: now)
    }
  }

  /// Where packets for the peer are addressed to.
  func destination(of peer: Peer) -> IPv6Address {
    peer.isSelf ? OverlayNetwork.tor.circuitResponder : peer.name.address
  }

  mutating func torLost(at now: Instant) {
    lookForTor(when: now + Node.torProbeInterval)
    guard tor != .unreachable else { return }
    tor = .unreachable
    perform(.torReachable(false))
  }

  /// Takes note of how a peer is; what there is to tell of it.
  private mutating func change(of name: OnionName, to reachability: Peer.Reachability) -> NodeEvent.PeerChange? {
    guard let peer = peers[name] else { return nil }
    peers[name]?.reachability = reachability
    return NodeEvent.PeerChange(
      name: name, label: peer.label, isNews: peer.isPermanent && peer.reachability != reachability)
  }
}
