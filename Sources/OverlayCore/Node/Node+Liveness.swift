/// Whether peers still are where circuits lead: what was sent and heard goes into a peer's `Liveness`, and what that decides
/// is done here. Decisions are made in `advance` alone, never while a packet is being read.
extension Node {
  /// Something goes to a peer from which nothing is awaited yet.
  mutating func awaitAnswer(on sparse: CircuitIdentifier, at now: Instant) {
    guard circuits[sparse].selfCallToken.isEmpty else { return }
    circuits[sparse].unansweredSince = now
    lookAtLiveness(of: sparse, when: now + Liveness.patience)
  }

  /// A packet came over a circuit: its peer is there.
  mutating func heard(on circuit: CircuitIdentifier, at now: Instant) {
    guard let sender = circuits[circuit].sender, let sparse = self.circuit(to: sender) else { return }
    circuits[sparse].lastHeard = now
    circuits[sparse].unansweredSince = nil
    if circuits[sparse].awaitsSignOfLife { lookAtLiveness(of: sparse, when: now) }
  }

  /// A peer has called: a circuit to it that stands may lead to where it was before.
  mutating func called(_ name: OnionName, at now: Instant) {
    guard case .open(let sparse) = peers[name]?.link else { return }
    peers[name]?.liveness.called()
    lookAtLiveness(of: sparse, when: now)
  }

  /// Reads what a keepalive on an accepted circuit says beside a name and capabilities.
  mutating func converse(_ keepalive: Keepalive, on circuit: CircuitIdentifier, at now: Instant) {
    let name = keepalive.name
    // A name that is not believed is not called back.
    guard circuits[circuit].sender == name.address, names.name(of: name.address) == name else { return }
    if let token = keepalive.value(of: Keepalive.Extension.answer) { _ = answered(by: name, token, at: now) }
    guard let token = keepalive.value(of: Keepalive.Extension.question), token.count == Liveness.Question.tokenSize,
      let way = self.circuit(to: name.address) ?? dial(name, at: now), circuits[way].dialledPeer == name
    else { return }
    guard peers[name]?.liveness.takeAnswer(at: now) == true else {
      counters[.answerLimited] += 1
      return
    }
    let answer = Keepalive.Extension(type: Keepalive.Extension.answer, value: token)
    self.keepalive(on: way, to: name, saying: [answer]).withUnsafeBytes { append($0, to: way, at: now) }
  }

  /// Takes an answer; false if it answers nothing that the peer was asked.
  mutating func answered(
    by name: OnionName, _ token: some Collection<UInt8>, identifier: UInt16? = nil, at now: Instant
  ) -> Bool {
    guard peers[name]?.liveness.answered(token, identifier: identifier, at: now) != nil else { return false }
    counters[.answered] += 1
    if let sparse = peers[name]?.link.circuit { lookAtLiveness(of: sparse, when: now) }
    return true
  }

  /// How long a circuit to a permanent peer may be silent. Of two peers that keep each other one waits a little longer, so
  /// that it is asked, and its own question is not needed.
  func keepaliveInterval(of name: OnionName) -> Duration {
    let (own, other) = (settings.name.address, name.address)
    let isGreater = (own.high, own.low) > (other.high, other.low)
    return isGreater ? Node.keepaliveInterval + .seconds(5) : Node.keepaliveInterval
  }

  /// Sends something on a circuit to a permanent peer that was silent for long: a question, which is a keepalive, too.
  mutating func keepAlive(_ circuit: CircuitIdentifier, to name: OnionName, at now: Instant) {
    if peers[name]?.liveness.mayAsk(at: now) == true {
      ask(name, on: circuit, at: now)
      lookAtLiveness(of: circuit, when: now + Liveness.patience)
    } else {
      keepalive(on: circuit, to: name).withUnsafeBytes { append($0, to: circuit, at: now) }
    }
  }

  /// Does what a peer's liveness asks for now.
  mutating func tendLiveness(_ sparse: CircuitIdentifier, at now: Instant) {
    guard case .open(let name) = circuits[sparse].state, let link = peers[name]?.link, link == .open(sparse) else {
      return
    }
    let (unansweredSince, lastHeard) = (circuits[sparse].unansweredSince, circuits[sparse].lastHeard)
    let step = peers[name]?.liveness.step(at: now, unansweredSince: unansweredSince, lastHeard: lastHeard)
    switch step {
    case nil, .some(.none): break
    case .ask: ask(name, on: sparse, at: now)
    case .dialSuccessor: dialSuccessor(of: sparse, to: name, at: now)
    case .replace: return replace(sparse, of: name, at: now)
    }
    if peers[name]?.liveness.state == .trusted { closeSuccessor(of: name) }
    if let due = peers[name]?.liveness.due(unansweredSince: circuits[sparse].unansweredSince) {
      // What cannot be done now can be in a second, perhaps.
      lookAtLiveness(of: sparse, when: due > now ? due : now + .seconds(1))
    }
  }

  mutating func lookAtLiveness(of sparse: CircuitIdentifier, when time: Instant) {
    if circuits[sparse].livenessAlarm.set(to: time) { deadlines.insert(.liveness(sparse), at: time) }
  }

  /// Asks a peer whether it is there, on a circuit to it that is open.
  mutating func ask(_ name: OnionName, on circuit: CircuitIdentifier, at now: Instant) {
    let isOnSuccessor = isSuccessor(circuit)
    let token = (0..<Liveness.Question.tokenSize).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    let question = Liveness.Question(
      token: token, identifier: UInt16.random(in: .min ... .max, using: &random), time: now,
      isOnSuccessor: isOnSuccessor)
    let speaksExtensions = names.capabilities(of: name) != nil
    let asksByEcho = peers[name]?.liveness.asksByEcho(speaksExtensions: speaksExtensions) ?? true
    peers[name]?.liveness.asked(question)
    if !isOnSuccessor { circuits[circuit].unansweredSince = nil }
    counters[.asked] += 1
    let packet =
      asksByEcho
      ? EchoProbe.request(
        from: settings.name.address, to: name.address, identifier: question.identifier, token: token)
      : keepalive(on: circuit, to: name, saying: [.init(type: Keepalive.Extension.question, value: token)])
    let lastSent = circuits[circuit].lastSent
    packet.withUnsafeBytes { append($0, to: circuit, at: now) }
    // It is not what the circuit is kept for.
    if peers[name]?.isPermanent == false { circuits[circuit].lastSent = lastSent }
  }
}
