/// Answers to questions whether somebody is there: those of peers, and this host's own.
extension PeerTable {
  /// Takes an echo reply of the peer with this address. It returns false if the peer was not asked so.
  mutating func takeAnswer(
    _ reply: EchoProbe.Reply, from address: IPv6Address, out: inout Outbox, at now: Instant
  ) -> Bool {
    guard let peer = peers.find(address) else { return false }
    return answered(by: peer, reply.token, identifier: reply.identifier, out: &out, at: now)
  }

  /// Takes the question and the answer out of a keepalive on an accepted circuit.
  mutating func converse(
    _ keepalive: Keepalive, isBelieved: Bool, names: inout NameTable, streams: inout Streams, out: inout Outbox,
    at now: Instant
  ) {
    let name = keepalive.name
    if let token = keepalive.value(of: Keepalive.Extension.answer), let peer = peers.find(name.address) {
      _ = answered(by: peer, token, out: &out, at: now)
    }
    guard let token = keepalive.value(of: Keepalive.Extension.question), token.count == Liveness.Question.tokenSize,
      let peer = way(
        toAnswer: name, isBelieved: isBelieved, names: &names, streams: &streams, out: &out, at: now),
      peers[peer].name == name, let circuit = peers[peer].sparse.current?.circuit
    else { return }
    if isBelieved { peers[peer].liveness.asks() }
    guard peers[peer].liveness.takeAnswer(isBelieved: isBelieved, at: now) else {
      out.counters[.answerLimited] += 1
      return
    }
    let answer = Keepalive.Extension(type: Keepalive.Extension.answer, value: token)
    self.keepalive(on: circuit, to: peer, name, saying: [answer]).withUnsafeBytes {
      send($0, to: peer, streams: &streams, out: &out, at: now)
    }
  }

  /// Returns the peer with this name if there is a circuit to it, or if one could be dialled for its question. Whoever
  /// only claims to be the peer has it dialled no more often than by any other claim.
  private mutating func way(
    toAnswer name: OnionName, isBelieved: Bool, names: inout NameTable, streams: inout Streams, out: inout Outbox,
    at now: Instant
  ) -> PeerSlots.Index? {
    if isBelieved { return way(to: name.address, names: &names, streams: &streams, out: &out, at: now) }
    callBack(name, names: &names, streams: &streams, out: &out, at: now)
    guard let peer = peers.find(name.address), peers[peer].hasCircuit else { return nil }
    return peer
  }

  private mutating func answered(
    by peer: PeerSlots.Index, _ token: some Collection<UInt8>, identifier: UInt16? = nil, out: inout Outbox,
    at now: Instant
  ) -> Bool {
    guard peers[peer].liveness.answered(token, identifier: identifier, at: now) != nil else { return false }
    out.counters[.answered] += 1
    if peers[peer].hasCircuit { schedule(peer, at: now) }
    return true
  }
}
