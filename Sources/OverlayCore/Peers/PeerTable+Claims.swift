/// Accepted circuits whose senders are not proven: what they claim, and what waits on them.
extension PeerTable {
  /// Returns the sender of a circuit that claims to be of this address and name.
  func sender(claiming address: IPv6Address, _ name: OnionName?, before: Sender) -> Sender {
    if case .admitted(address, _, let proof) = before { return .admitted(address, name, proof) }
    let peer = peers.find(address)
    return switch authentication(of: address) {
    case .off: .admitted(address, name, .belief)
    case .legacy where peer.map { peers[$0].isBelieved && !peers[$0].hasProven } ?? false:
      .admitted(address, name, .belief)
    case .strict, .legacy, .full: .claimed(address, name)
    }
  }

  /// Notes that a circuit claims to be of a peer, which has to prove it.
  mutating func beginClaim(of circuit: CircuitIdentifier, at now: Instant) {
    guard case .claimed = call(circuit)?.sender, claims[circuit] == nil else { return }
    claims.begin(circuit, at: now)
    schedule(circuit, at: now + Claims.firstPause)
  }

  /// Forgets the claim of a circuit that is gone, with what waits on it.
  mutating func endClaim(of circuit: CircuitIdentifier, streams: inout Streams, out: inout Outbox) {
    guard var claim = claims.end(circuit) else { return }
    dropUnproven(claim.waiting.count, of: circuit, out: &out)
    streams.discard(&claim.waiting)
  }

  /// Lets a packet of a circuit wait until the circuit's sender is proven.
  mutating func hold(
    _ packet: PacketView, on circuit: CircuitIdentifier, names: inout NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    noteDelivery(on: circuit, names: &names, streams: &streams, out: &out, at: now)
    for loser in claims.hold(packet, on: circuit, streams: &streams, at: now) { dropUnproven(1, of: loser, out: &out) }
    guard let claim = claims[circuit] else { return }
    if claim.nextChallenge <= now {
      prove(circuit, isAgain: true, names: &names, streams: &streams, out: &out, at: now)
    } else if isUndialled(circuit) {
      prove(circuit, names: &names, streams: &streams, out: &out, at: now)
    }
  }

  /// Does what is due of a claim, and returns when the next thing is; the distant future if nothing is.
  mutating func tendClaim(
    of circuit: CircuitIdentifier, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) -> Instant {
    guard let claim = claims[circuit], let address = claimant(of: circuit) else { return .distantFuture }
    guard claim.isOver(at: now) else {
      if claim.nextChallenge <= now {
        prove(circuit, isAgain: true, names: &names, streams: &streams, out: &out, at: now)
      }
      guard let next = claims[circuit] else { return .distantFuture }
      return min(max(next.nextChallenge, now + .seconds(1)), next.began + Claims.patience)
    }
    if authentication(of: address) == .legacy, let peer = peers.find(address), !peers[peer].hasProven {
      peers[peer].isBelieved = true
      admit(circuit, for: .belief, names: &names, streams: &streams, out: &out, at: now)
      return .distantFuture
    }
    var waiting = claims.takeWaiting(on: circuit)
    dropUnproven(waiting.count, of: circuit, out: &out)
    streams.discard(&waiting)
    // A proof still counts: the next packet has the peer challenged again.
    return .distantFuture
  }

  private mutating func dropUnproven(_ count: Int, of circuit: CircuitIdentifier, out: inout Outbox) {
    guard count > 0 else { return }
    out.counters[.unproven] += UInt64(count)
    guard let peer = claimant(of: circuit).flatMap({ peers.find($0) }) else { return }
    peers[peer].drops[.unproven, default: 0] += UInt64(count)
  }

  /// Whether nobody has been dialled for the claim of a circuit.
  private func isUndialled(_ circuit: CircuitIdentifier) -> Bool {
    claimant(of: circuit).flatMap { peers.find($0) }.map { !peers[$0].hasCircuit } ?? false
  }

  /// Notes that a peer sends on a circuit that this host dialled. Echo replies prove none of its other circuits.
  mutating func answersWhereDialled(_ peer: PeerSlots.Index, at now: Instant) {
    peers[peer].answersWhereDialled = true
    if peers[peer].bestProof == .weak { peers[peer].bestProof = nil }
    for circuit in peers[peer].incoming where call(circuit)?.sender.proof == .weak {
      doubt(circuit, unless: .full, at: now)
    }
  }

  /// Judges all accepted circuits anew, because what they have to prove has changed.
  mutating func judgeCalls(
    names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    // A peer that is dialled to prove a claim may take the place of a circuit, and with it the last that is known of
    // its caller.
    let circuits = peers.indices.flatMap { peers[$0].incoming }
    for circuit in circuits {
      guard let address = call(circuit)?.sender.claimedAddress else { continue }
      switch authentication(of: address) {
      case .off: admit(circuit, for: .belief, names: &names, streams: &streams, out: &out, at: now)
      case .legacy:
        if let peer = peers.find(address), peers[peer].hasProven { doubt(circuit, unless: .weak, at: now) }
      case .strict: doubt(circuit, unless: .weak, at: now)
      case .full: doubt(circuit, unless: .full, at: now)
      }
      prove(circuit, isAgain: true, names: &names, streams: &streams, out: &out, at: now)
    }
  }

  /// Doubts the circuits that were believed to be of a peer without a proof, because one of it has given a proof: so
  /// can the peer's others.
  mutating func doubtBelieved(besides circuit: CircuitIdentifier, of peer: PeerSlots.Index, at now: Instant) {
    guard authentication(of: peers[peer].address) == .legacy else { return }
    for other in peers[peer].incoming where other != circuit { doubt(other, unless: .weak, at: now) }
  }

  /// Believes a circuit no more, unless it has proven enough.
  private mutating func doubt(_ circuit: CircuitIdentifier, unless least: Proof, at now: Instant) {
    guard var call = call(circuit), case .admitted(let address, let name, let proof) = call.sender, proof < least else {
      return
    }
    call.sender = .claimed(address, name)
    set(.call(call), of: circuit)
    claims.begin(circuit, at: now)
    schedule(circuit, at: now + Claims.firstPause)
  }
}
