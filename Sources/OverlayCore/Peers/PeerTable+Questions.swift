/// Why a peer is not reached. SOCKS4a says only that Tor refused the circuit, so Tor is asked once more by SOCKS5 after
/// a refusal of the first circuit to a configured peer, or to this host itself.
extension PeerTable {
  /// The time that Tor may take to tell. It knows already why it refused.
  static let questionTimeout = Duration.seconds(20)

  /// Asks Tor why it refused a circuit to a peer, unless it is asked already. It returns whether the answer follows.
  mutating func askWhy(
    _ peer: PeerSlots.Index, user: UserIdentifier, names: inout NameTable, streams: inout Streams, out: inout Outbox,
    at now: Instant
  ) -> Bool {
    guard peers[peer].isPermanent || peers[peer].isSelf, let name = peers[peer].name else { return false }
    guard peers[peer].question == nil else { return true }
    guard tor == .reachable, hasRoomToDial(isConfigured: false, in: streams) else { return false }
    let question = SOCKS5Question(name: name, port: policy.servicePort, user: user)
    let circuit = streams.ask(question, timeout: PeerTable.questionTimeout, out: &out, at: now)
    set(.question(about: peers[peer].address), of: circuit)
    peers[peer].question = circuit
    return true
  }

  /// Takes Tor's answer why a peer is not reached; code zero says that it would be reached now. It returns the
  /// end of the circuit, which the caller closes.
  mutating func answered(
    _ circuit: CircuitIdentifier, code: UInt8, names: inout NameTable, streams: inout Streams, out: inout Outbox,
    at now: Instant
  ) -> CircuitEnd {
    if DialFailure.extendedCodes.contains(code) { hasExtendedErrors = true }
    if code == DialFailure.hostUnreachable { hasExtendedErrors = false }
    let failure = DialFailure(socks5: code, isExtended: hasExtendedErrors)
    guard let peer = peerAsked(about: circuit) else { return failure.map { .notBuilt($0) } ?? .unneeded }
    peers[peer].question = nil
    if let failure {
      explain(peer, failure, out: &out, at: now)
      return .unneeded
    }
    let isDialled = peers[peer].hasCircuit
    guard isDialled || peers[peer].wouldBeReached(at: now) else {
      explainAsBefore(peer, out: &out, at: now)
      return .unneeded
    }
    if case .notReached(let failure, _)? = peers[peer].lastError?.reason { out.figures.noteFailedDial(failure) }
    if isDialled { return .unneeded }
    if peers[peer].isSelf { selfCheck?.waits(until: now) }
    redial(peer, names: &names, streams: &streams, out: &out, at: now)
    return .unneeded
  }

  /// Handles the end of a question that was not answered: what was known before is told.
  mutating func questionEnded(_ circuit: CircuitIdentifier, out: inout Outbox, at now: Instant) {
    guard let peer = peerAsked(about: circuit) else { return }
    peers[peer].question = nil
    explainAsBefore(peer, out: &out, at: now)
  }

  private mutating func explainAsBefore(_ peer: PeerSlots.Index, out: inout Outbox, at now: Instant) {
    guard case .notReached(let failure, _)? = peers[peer].lastError?.reason else { return }
    explain(peer, failure, out: &out, at: now)
  }

  private func peerAsked(about circuit: CircuitIdentifier) -> PeerSlots.Index? {
    guard case .question(let address) = use(of: circuit), let peer = peers.find(address),
      peers[peer].question == circuit
    else { return nil }
    return peer
  }

  /// Tells why a peer is not reached, and when it is dialled again.
  private mutating func explain(_ peer: PeerSlots.Index, _ failure: DialFailure, out: inout Outbox, at now: Instant) {
    out.figures.noteFailedDial(failure)
    if peers[peer].isSelf { selfCheckFailed(failure, out: &out, at: now) }
    guard peers[peer].reachability != .connected else { return }
    let reason = NodeEvent.Disconnection.notReached(failure, nextTry(of: peer, at: now))
    peers[peer].explain(reason)
    if let change = change(of: peer, to: .lost(failure)) { out.tell(.disconnected(change, reason)) }
  }
}
