/// Who is at the other end of an accepted circuit. It claims to be of a peer, and that is proven by a response to a
/// challenge that went to the peer alone, or by the reply to an echo request that did.
///
///     this host ── challenge, on circuits that it dialled ──> the peer
///     this host <── response, on circuits that the peer dialled ── the peer
extension PeerTable {
  /// Returns what a caller with this address has to prove.
  func authentication(of address: IPv6Address) -> Authentication {
    guard !policy.authentications.isEmpty else { return policy.authentication }
    return policy.authentications.first { $0.key.address == address }?.value ?? policy.authentication
  }

  /// Returns the strongest reason why an accepted circuit of the peer is believed; `nil` if none is.
  func proof(of peer: PeerSlots.Index) -> Proof? {
    peers[peer].incoming.compactMap { call($0)?.sender.proof }.max()
  }

  /// Removes a circuit whose sender is believed now, and returns it with the packets that waited for that.
  mutating func takeAdmitted() -> (circuit: CircuitIdentifier, waiting: PacketQueue)? {
    admitted.isEmpty ? nil : admitted.removeFirst()
  }

  /// Counts a packet that was dropped against the peer of its circuit, if that is believed.
  mutating func noteDrop(_ counter: Counter, on circuit: CircuitIdentifier) {
    if let peer = source(of: circuit).flatMap({ peers.find($0) }) { peers[peer].drops[counter, default: 0] += 1 }
  }

  // MARK: - Challenges

  /// Lets the peer that a circuit claims to be of prove it: it is dialled, or, with `isAgain`, challenged anew on the
  /// circuits to it.
  mutating func prove(
    _ circuit: CircuitIdentifier, isAgain: Bool = false, names: inout NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    guard let claim = claims[circuit], let address = claimant(of: circuit), let name = names.name(of: address),
      let peer = peers.find(address)
    else { return }
    if isAgain { claims.challenged(circuit, at: now) }
    guard peers[peer].hasCircuit else {
      return callBack(name, names: &names, streams: &streams, out: &out, at: now)
    }
    guard peers[peer].name == name, peers[peer].sparse.open != nil else { return }
    if isAgain, peers[peer].challenge.takeRepeat(at: now) {
      sendChallenge(to: peer, streams: &streams, out: &out, at: now)
    }
    if isAgain || !claim.hasExtensions { sendEchoProof(to: peer, streams: &streams, out: &out, at: now) }
  }

  /// Dials whoever claims to be a peer, so that it can prove it: at most once in 30 s for each name, and once more
  /// after each proof.
  mutating func callBack(
    _ name: OnionName, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard tor != .unreachable, let peer = peers.find(name.address), !peers[peer].hasCircuit, !peers[peer].isHeld,
      !peers[peer].isSelf, peers[peer].wasClaimed(at: now)
    else { return }
    _ = dial(name, names: &names, streams: &streams, out: &out, at: now)
  }

  /// Returns what the first keepalive on a circuit to a peer says beside capabilities: this host's challenge, and what
  /// answers the peer's.
  mutating func proofs(for peer: PeerSlots.Index, at now: Instant) -> [Keepalive.Extension] {
    guard !peers[peer].isSelf else { return [] }
    let responses = peers[peer].responses.takeAll()
    return challenge(to: peer, at: now)
      + responses.map { Keepalive.Extension(type: Keepalive.Extension.response, value: $0.bytes) }
  }

  private mutating func challenge(to peer: PeerSlots.Index, at now: Instant) -> [Keepalive.Extension] {
    guard authentication(of: peers[peer].address) != .off else { return [] }
    let token = peers[peer].challenge.token(using: &random, at: now)
    schedule(peer, at: peers[peer].challenge.due)
    return [Keepalive.Extension(type: Keepalive.Extension.challenge, value: token.bytes)]
  }

  /// Sends a new challenge to a peer when the time of the last one is over.
  mutating func tendChallenge(to peer: PeerSlots.Index, streams: inout Streams, out: inout Outbox, at now: Instant) {
    let due = peers[peer].challenge.due
    if due <= now { sendChallenge(to: peer, streams: &streams, out: &out, at: now) }
    if peers[peer].challenge.due > now { schedule(peer, at: peers[peer].challenge.due) }
  }

  private mutating func sendChallenge(
    to peer: PeerSlots.Index, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard let name = peers[peer].name, let circuit = peers[peer].sparse.open, !peers[peer].isSelf else { return }
    say(challenge(to: peer, at: now), to: peer, name, on: circuit, streams: &streams, out: &out, at: now)
  }

  /// Asks a peer for an echo, unless its reply would prove nothing.
  private mutating func sendEchoProof(
    to peer: PeerSlots.Index, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard let circuit = peers[peer].sparse.open, authentication(of: peers[peer].address).acceptsEcho,
      !peers[peer].answersWhereDialled, peers[peer].echoProofs.mayAsk(at: now)
    else { return }
    let request = peers[peer].echoProofs.ask(
      peers[peer].address, from: policy.name.address, using: &random, at: now)
    let lastSent = streams[circuit].lastSent
    request.withUnsafeBytes { send($0, to: peer, on: circuit, streams: &streams, out: &out, at: now) }
    if !peers[peer].isPermanent { streams.noteSent(on: circuit, at: lastSent) }
  }

  /// Asks a peer without extensions whose circuits lack a proof, because there is a circuit to it now.
  mutating func proveCalls(of peer: PeerSlots.Index, streams: inout Streams, out: inout Outbox, at now: Instant) {
    for circuit in peers[peer].incoming where claims[circuit]?.hasExtensions == false || lacksProof(circuit) {
      return sendEchoProof(to: peer, streams: &streams, out: &out, at: now)
    }
  }

  /// Sends a keepalive with these extensions, which does not keep a circuit that is otherwise idle.
  private mutating func say(
    _ extensions: [Keepalive.Extension], to peer: PeerSlots.Index, _ name: OnionName, on circuit: CircuitIdentifier,
    streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard !extensions.isEmpty else { return }
    let lastSent = streams[circuit].lastSent
    keepalive(on: circuit, to: peer, name, saying: extensions).withUnsafeBytes {
      send($0, to: peer, on: circuit, streams: &streams, out: &out, at: now)
    }
    if !peers[peer].isPermanent { streams.noteSent(on: circuit, at: lastSent) }
  }

  // MARK: - Proofs

  /// Takes the responses and the challenge out of a keepalive on an accepted circuit that claims to be of its name.
  mutating func takeProofs(
    of keepalive: Keepalive, on circuit: CircuitIdentifier, names: inout NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    let name = keepalive.name
    claims.note(keepalive, on: circuit)
    guard let peer = peers.find(name.address), peers[peer].name == name else { return }
    let responses = keepalive.responses
    if responses.contains(where: { peers[peer].challenge.isAnswered(by: $0, at: now) }) {
      admit(circuit, for: .full, names: &names, streams: &streams, out: &out, at: now)
    } else if !responses.isEmpty {
      out.counters[.falseProof] += 1
    }
    if let token = keepalive.value(of: Keepalive.Extension.challenge).flatMap({ ProofToken($0) }) {
      respond(to: token, of: peer, from: circuit, names: &names, streams: &streams, out: &out, at: now)
    }
    if claims[circuit] != nil {
      prove(circuit, names: &names, streams: &streams, out: &out, at: now)
    } else if lacksProof(circuit), keepalive.capabilities == nil {
      sendEchoProof(to: peer, streams: &streams, out: &out, at: now)
    }
  }

  /// Whether a circuit is believed because `Authentication.legacy` permits it, so that a proof still counts.
  private func lacksProof(_ circuit: CircuitIdentifier) -> Bool {
    guard case .admitted(let address, _, .belief) = call(circuit)?.sender else { return false }
    return authentication(of: address) == .legacy
  }

  /// Answers a challenge on every circuit to the peer, or on the next one.
  private mutating func respond(
    to token: ProofToken, of peer: PeerSlots.Index, from circuit: CircuitIdentifier, names: inout NameTable,
    streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard let name = peers[peer].name else { return }
    let isBelieved = call(circuit)?.sender.proof != nil
    if isBelieved { peers[peer].responses.keep(token) }
    guard peers[peer].sparse.open != nil else {
      if !isBelieved, !peers[peer].responses.await(token, from: circuit) { out.counters[.answerLimited] += 1 }
      return callBack(name, names: &names, streams: &streams, out: &out, at: now)
    }
    guard isBelieved || peers[peer].responses.takeAnswer(at: now) else {
      out.counters[.answerLimited] += 1
      return
    }
    let response = Keepalive.Extension(type: Keepalive.Extension.response, value: token.bytes)
    for way in peers[peer].dialled where streams[way].isOpen {
      say([response], to: peer, name, on: way, streams: &streams, out: &out, at: now)
    }
  }

  /// Returns whether a packet of a circuit that claims to be of a peer is the reply to an echo request to that peer.
  /// The circuit is the peer's then.
  mutating func takesProof(
    _ packet: PacketView, on circuit: CircuitIdentifier, names: inout NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) -> Bool {
    guard let reply = EchoProbe.reply(packet), claims[circuit] != nil || lacksProof(circuit),
      let address = claimant(of: circuit), packet.source == address, let peer = peers.find(address),
      peers[peer].echoProofs.take(reply, at: now)
    else { return false }
    if authentication(of: address).acceptsEcho, !peers[peer].answersWhereDialled {
      admit(circuit, for: .weak, names: &names, streams: &streams, out: &out, at: now)
    }
    return true
  }

  /// Returns whether a packet of a peer is the reply to an echo request that is needed no more.
  mutating func isEchoProof(_ reply: EchoProbe.Reply, from address: IPv6Address, at now: Instant) -> Bool {
    guard let peer = peers.find(address) else { return false }
    return peers[peer].echoProofs.take(reply, at: now)
  }

  /// Believes that a circuit is of the peer that it claims to be of.
  mutating func admit(
    _ circuit: CircuitIdentifier, for proof: Proof, names: inout NameTable, streams: inout Streams, out: inout Outbox,
    at now: Instant
  ) {
    guard var call = call(circuit), let address = call.sender.claimedAddress, let peer = peers.find(address),
      call.sender.proof.map({ $0 < proof }) ?? true
    else { return }
    var name = call.sender.name
    if name == nil, proof > .belief, let known = peers[peer].name {
      name = known
      names.retain(known)
    }
    call.sender = .admitted(address, name, proof)
    set(.call(call), of: circuit)
    let claim = claims.end(circuit)
    peers[peer].responses.forget(circuit)
    if let claim { admitted.append((circuit, claim.waiting)) }
    out.counters[proof == .full ? .proven : proof == .weak ? .provenByEcho : .believed] += 1
    guard proof > .belief else { return }
    raise(
      circuit, to: names.isKnown(address) ? .known : .stranger, names: &names, streams: &streams, out: &out, at: now)
    peers[peer].bestProof = max(peers[peer].bestProof ?? proof, proof)
    doubtBelieved(besides: circuit, of: peer, at: now)
    if let challenge = claim?.challenge { peers[peer].responses.keep(challenge) }
    // Who proves itself without extensions understands none any more.
    if let name, claim?.hasExtensions == true || proof == .weak {
      note(claim?.capabilities, of: name, peer, &names)
    }
    isThere(peer, names: &names, streams: &streams, out: &out, at: now)
  }

  /// Notes the capabilities of a peer that is believed.
  mutating func note(
    _ capabilities: Capabilities?, of name: OnionName, _ peer: PeerSlots.Index, _ names: inout NameTable
  ) {
    names.note(capabilities, of: name)
    peers[peer].capabilities = capabilities ?? []
  }

  /// Notes a sign of life of a peer that is believed: it may be dialled at once.
  mutating func isThere(
    _ peer: PeerSlots.Index, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    peers[peer].showedLife(at: now)
    redial(peer, names: &names, streams: &streams, out: &out, at: now)
  }
}
