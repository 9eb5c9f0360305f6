/// When peers are dialled, and in what order.
extension PeerTable {
  /// How long Tor may take to grant a circuit.
  static let dialTimeout = Duration.seconds(60)
  /// A circuit that was lost sooner counts as a failed attempt.
  static let shortLife = Duration.seconds(30)
  /// The interval at which the table looks for room for configured peers that wait to be dialled.
  static let dialInterval = Duration.milliseconds(100)

  /// Dials `name` and returns its peer; `nil` if it may not be dialled now. `isSelected` says that `name` is a stranger
  /// who was selected, so that the dial is counted already.
  mutating func dial(
    _ name: OnionName, isSelected: Bool = false, names: inout NameTable, streams: inout Streams, out: inout Outbox,
    at now: Instant
  ) -> PeerSlots.Index? {
    guard tor != .unreachable, !isBlocked(name.address) else { return nil }
    let isSelf = name == policy.name
    let address = isSelf ? OverlayNetwork.tor.circuitResponder : name.address
    if let peer = peers.find(address) {
      guard !peers[peer].hasCircuit, peers[peer].name != name || peers[peer].pace.nextAttempt(from: now) <= now else {
        return nil
      }
    }
    // At every identity, though one alone keeps circuits to the peers that the operator named.
    let isConfigured = names.isKnown(name.address)
    guard hasRoomToDial(isConfigured: isConfigured, in: streams) else {
      out.counters[.circuitLimit] += 1
      return nil
    }
    let isStranger = names.isStranger(name)
    if isStranger, !isSelected, !mayDialStranger(name, names: &names, out: &out, at: now) { return nil }
    guard dials.take(isConfigured: isConfigured, at: now) else {
      out.counters[.dialLimit] += 1
      if peers.find(address).map({ peers[$0].isPermanent }) == true { awaitDial(of: name, at: now) }
      if isStranger, !isSelected { awaitSelection(of: name, names: &names, at: now) }
      return nil
    }
    makeRoomToDial(names: &names, streams: &streams, out: &out)
    let peer = findOrInsert(address, name, isSelf: isSelf)
    if peers[peer].name != name { peers[peer].becomes(name) }
    if isSelf { peers[peer].selfCallToken = (0..<16).map { _ in random.next() } }
    makeBulkLanes(for: peer)
    let way = beginCircuit(
      to: name, peers[peer].sparse.user, timeout: PeerTable.dialTimeout, streams: &streams, out: &out, at: now)
    set(.lane(peer, Lane.sparse), of: way.circuit)
    peers[peer].connects(by: way, at: now)
    out.tell(.dialling(name, circuit: Lane.sparse))
    return peer
  }

  /// Begins a circuit to a peer, of any kind. There must be room for it.
  mutating func beginCircuit(
    to name: OnionName, _ user: UserIdentifier, timeout: Duration, streams: inout Streams, out: inout Outbox,
    at now: Instant
  ) -> Lane.Way {
    out.counters[.dialled] += 1
    let request = SOCKS4aRequest(name: name, port: policy.servicePort, userIdentifier: user.text)
    let circuit = streams.open(request, timeout: timeout, out: &out, at: now)
    return Lane.Way(circuit, user: user, flowLabel: random.next(upperBound: 0xfffff) + 1)
  }

  /// Opens a circuit that Tor has granted. A keepalive with this host's name goes first.
  mutating func granted(
    _ circuit: CircuitIdentifier, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    out.counters[.granted] += 1
    out.figures.dialTime.note(now - streams[circuit].began)
    dials.ended()
    guard let use = use(of: circuit), let peer = use.dialledPeer, let name = peers[peer].name else { return }
    streams.rank(circuit, as: standing(of: name.address, names))
    peers[peer].capabilities = names.capabilities(of: name) ?? []
    peers[peer].open(use)
    let proofs = proofs(for: peer, at: now)
    streams.use(circuit, greeting: keepalive(on: circuit, to: peer, name, saying: proofs), out: &out, at: now)
    switch use {
    case .successor: successorGranted(circuit, to: peer, names: names, streams: &streams, out: &out, at: now)
    case .lane(_, let lane) where lane != Lane.sparse:
      join(circuit, lane, of: peer, streams: &streams, out: &out, at: now)
    case .lane, .call, .question, .lookUp, .ownLookUp:
      names.reached(name, at: now)
      if searches.isTrying(name.address) { endSearch(of: peer, names: &names, streams: &streams, out: &out, at: now) }
      peers[peer].lastHeard = now
      peers[peer].unansweredSince = nil
      if peers[peer].waiting.count > 0 { awaitAnswer(of: peer, at: now) }
      if peers[peer].isSelf { selfCheckGranted(at: now) }
      if let change = change(of: peer, to: .connected) { out.tell(.connected(change)) }
      join(circuit, Lane.sparse, of: peer, streams: &streams, out: &out, at: now)
      releaseWaiting(to: circuit, of: peer, streams: &streams, out: &out, at: now)
    }
    proveCalls(of: peer, streams: &streams, out: &out, at: now)
    schedule(circuit, at: now)
  }

  /// Returns the keepalive for a circuit that this host dialled: its name and capabilities, and `more`. Capabilities
  /// are always told, because a peer asks only hosts that tell some whether they are there.
  func keepalive(
    on circuit: CircuitIdentifier, to peer: PeerSlots.Index, _ name: OnionName,
    saying more: [Keepalive.Extension] = []
  ) -> [UInt8] {
    var extensions = [Keepalive.Extension(type: Keepalive.Extension.capabilities, value: policy.capabilities.bytes)]
    let token = peers[peer].selfCallToken
    if !token.isEmpty { extensions.append(.init(type: Keepalive.Extension.selfCall, value: token)) }
    return Keepalive(name: policy.name, extensions: extensions + more)
      .packet(to: name.address, flowLabel: peers[peer].way(of: circuit)?.flowLabel ?? 0)
  }

  // MARK: - Configured peers

  /// Dials a configured peer now, or schedules that for when its pace permits it.
  mutating func redial(
    _ peer: PeerSlots.Index, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard peers[peer].isPermanent, !peers[peer].isHeld, !peers[peer].hasCircuit, tor != .unreachable,
      let name = peers[peer].name, !isBlocked(name.address)
    else { return }
    if dial(name, names: &names, streams: &streams, out: &out, at: now) == nil, !dials.isWaiting(name) {
      schedule(peer, at: max(peers[peer].pace.nextAttempt(from: now), now + .seconds(1)))
    }
  }

  /// Makes a configured peer be dialled soon, because packets wait for it.
  mutating func hasten(_ name: OnionName, at now: Instant) {
    guard let peer = peers.find(name.address), peers[peer].isPermanent, !peers[peer].hasCircuit, tor != .unreachable,
      !dials.isWaiting(name)
    else { return }
    peers[peer].isHeld = false
    peers[peer].hasten()
    schedule(peer, at: peers[peer].pace.nextAttempt(from: now))
  }

  private mutating func awaitDial(of name: OnionName, at now: Instant) {
    dials.wait(name)
    scheduleDials(at: now + PeerTable.dialInterval)
  }

  /// Dials the configured peers that wait to be dialled, as far as there is room.
  mutating func dialWaiting(
    names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    while let name = dials.next(at: now) {
      guard let peer = peers.find(name.address) else { continue }
      redial(peer, names: &names, streams: &streams, out: &out, at: now)
    }
    if dials.isAwaited { scheduleDials(at: now + PeerTable.dialInterval) }
  }

  // MARK: - Strangers

  /// Returns whether a name that nobody was ever reached at may be dialled now. If not, it waits until it is selected.
  private mutating func mayDialStranger(
    _ name: OnionName, names: inout NameTable, out: inout Outbox, at now: Instant
  ) -> Bool {
    if strangers.takeAtOnce(at: now) { return true }
    out.counters[.strangerLimit] += 1
    awaitSelection(of: name, names: &names, at: now)
    return false
  }

  private mutating func awaitSelection(of name: OnionName, names: inout NameTable, at now: Instant) {
    names.want(name, until: now + StrangerDials.patience)
    scheduleSelection(at: now)
  }

  /// Selects the stranger who is dialled next: one with an open accepted circuit that has brought a packet, each
  /// circuit once. The selection is random, and weighted by the age of the circuit, so that callers who come and go are
  /// seldom selected.
  mutating func selectStranger(
    names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    strangers.beginSelection()
    var selected: (circuit: CircuitIdentifier, name: OnionName)?
    var lots = 0.0
    for circuit in streams.circuits.identifiers {
      guard let name = strangerToDial(circuit, names: names, streams: streams, at: now) else { continue }
      let own = (now - streams[circuit].began + .milliseconds(1)).seconds
      lots += own
      if Double.random(in: 0..<lots, using: &random) < own { selected = (circuit, name) }
    }
    guard let selected else { return }
    if strangers.take(at: now) {
      let isDialled = dial(selected.name, isSelected: true, names: &names, streams: &streams, out: &out, at: now) != nil
      if var call = call(selected.circuit) {
        call.wasSelected = isDialled
        set(.call(call), of: selected.circuit)
      }
    }
    scheduleSelection(at: now)
  }

  private mutating func scheduleSelection(at now: Instant) {
    if let time = strangers.scheduleSelection(at: now) { scheduleSelection(when: time) }
  }

  private func strangerToDial(
    _ circuit: CircuitIdentifier, names: borrowing NameTable, streams: borrowing Streams, at now: Instant
  ) -> OnionName? {
    guard let call = call(circuit), !call.wasSelected, let name = call.sender.name,
      streams[circuit].standing != .unproven, names.isWanted(name, at: now)
    else { return nil }
    guard let peer = peers.find(name.address), peers[peer].name == name else { return name }
    return !peers[peer].hasCircuit && peers[peer].pace.nextAttempt(from: now) <= now ? name : nil
  }
}
