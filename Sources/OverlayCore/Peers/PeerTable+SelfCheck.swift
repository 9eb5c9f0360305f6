/// The check whether this host's own onion service leads back to it.
extension PeerTable {
  /// Whether others can reach this host.
  var readiness: Readiness { selfCheck?.readiness ?? (tor == .unreachable ? .waitingForTor : .checking) }

  /// Notes what Tor tells of the publication of this host's service.
  mutating func changed(_ publication: Publication, out: inout Outbox, at now: Instant) {
    selfCheckChanged(out: &out) { $0.changed(publication, at: now) }
  }

  /// Begins the next step of the check. It returns a circuit to this host itself that has to be closed before.
  mutating func stepSelfCheck(
    names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) -> CircuitIdentifier? {
    guard let check = selfCheck else { return nil }
    if check.granted != nil {
      selfCheckFailed(.leadsElsewhere, out: &out, at: now)
      return nil
    }
    selfCheck?.waits(until: now + PeerTable.dialTimeout + SelfCheck.patience)
    let own = peers.find(OverlayNetwork.tor.circuitResponder)
    if let own, let way = peers[own].sparse.current {
      // A circuit that is being built tells by itself. One that stands is closed, so that the check is one of today.
      guard way.isOpen else { return nil }
      selfCheck?.waits(until: now)
      return way.circuit
    }
    if let own {
      guard peers[own].question == nil else { return nil }
      peers[own].hasten()
    }
    if dial(policy.name, names: &names, streams: &streams, out: &out, at: now) == nil {
      let pace = own.map { peers[$0].pace.nextAttempt(from: now) } ?? now
      selfCheck?.waits(until: max(pace, now + .seconds(1)))
    }
    return nil
  }

  /// Notes that a circuit to this host itself was granted.
  mutating func selfCheckGranted(at now: Instant) { selfCheck?.wasGranted(at: now) }

  /// Notes that a circuit to this host itself has come back.
  mutating func selfCheckCameBack(out: inout Outbox, at now: Instant) {
    let random = Double.random(in: 0..<1, using: &random)
    if selfCheck?.cameBack(at: now, random: random) == true { out.tell(.readiness(readiness)) }
  }

  /// Notes that a circuit to this host itself was lost.
  mutating func selfCheckLost(out: inout Outbox, at now: Instant) {
    if selfCheck?.wasLost(at: now) == true { selfCheckFailed(.leadsElsewhere, out: &out, at: now) }
  }

  /// Notes that a circuit to this host itself was not built.
  mutating func selfCheckFailed(_ failure: DialFailure, out: inout Outbox, at now: Instant) {
    selfCheckFailed(LoopFailure(failure), out: &out, at: now)
  }

  private mutating func selfCheckFailed(_ failure: LoopFailure, out: inout Outbox, at now: Instant) {
    if selfCheck?.failed(failure, at: now) == true { out.tell(.readiness(readiness)) }
  }

  /// Notes that Tor came into reach or went out of it.
  mutating func selfCheckTor(isReachable: Bool, out: inout Outbox, at now: Instant) {
    let random = Double.random(in: 0..<1, using: &random)
    let delay = policy.isFirst ? Duration.zero : SelfCheck.publicationTime.longest * random
    selfCheckChanged(out: &out) {
      if isReachable { $0.torCame(at: now, delay: delay, random: random) } else { $0.torWent() }
    }
  }

  private mutating func selfCheckChanged(out: inout Outbox, _ change: (inout SelfCheck) -> Void) {
    guard var check = selfCheck else { return }
    let before = readiness
    change(&check)
    selfCheck = check
    if readiness != before { out.tell(.readiness(readiness)) }
  }
}
