/// What the node tells of itself to an operator who asks.
extension Node {
  /// What it is like now. Looks at every circuit.
  public func status(at now: Instant) -> NodeStatus {
    let shown =
      peers.values.filter(\.isPermanent).sorted { $0.label < $1.label }
      + peers.values.filter { !$0.isPermanent }.prefix(settings.bounds.reportedPeers)
    var running: [OnionName: Traffic] = [:]
    for circuit in circuits.identifiers {
      guard let name = otherSide(of: circuits[circuit]) else { continue }
      running[name, default: Traffic()].add(circuits[circuit].traffic)
    }
    return NodeStatus(
      name: settings.name, knownNames: names.count, tor: tor,
      peers: shown.map { status(of: $0, running[$0.name] ?? Traffic(), at: now) },
      otherPeers: peers.count - shown.count, acceptedCircuits: calls.count, counters: counters)
  }

  /// Keeps with its peer what went over a circuit that is gone.
  mutating func keepTraffic(of circuit: borrowing Circuit) {
    guard let name = otherSide(of: circuit) else { return }
    peers[name]?.traffic.add(circuit.traffic)
  }

  /// When a peer that was not reached is dialled again.
  func nextTry(of peer: Peer, at now: Instant) -> NextTry? {
    guard tor != .unreachable else { return peer.isPermanent ? .whenTorIsBack : nil }
    let wait = peer.pace.nextAttempt(from: now) - now
    return peer.isPermanent ? .after(wait) : .ifWanted(after: wait)
  }

  /// Whom a circuit leads to, or comes from by its own word.
  private func otherSide(of circuit: borrowing Circuit) -> OnionName? {
    switch circuit.state {
    case .connecting(let name), .requested(let name, _), .open(let name): name
    case .accepted(.name(let name)): circuit.sender == nil ? nil : name
    case .accepted(.address(let address)): names.name(of: address)
    case .accepted(.selfCall): settings.name
    case .accepted(.none): nil
    }
  }

  private func status(of peer: Peer, _ running: Traffic, at now: Instant) -> PeerStatus {
    var traffic = peer.traffic
    traffic.add(running)
    return PeerStatus(
      name: peer.name, label: peer.label, isConfigured: peer.isPermanent, state: state(of: peer, at: now),
      traffic: traffic, roundTrip: peer.roundTrip, lastError: peer.lastError.map { ($0.reason, now - $0.time) },
      nextTry: peer.link == .none ? nextTry(of: peer, at: now) : nil)
  }

  private func state(of peer: Peer, at now: Instant) -> PeerStatus.State {
    switch peer.link {
    case .none: .idle
    case .dialling(let circuit): .connecting(now - circuits[circuit].began)
    case .open(let circuit):
      .up(now - circuits[circuit].began, bulkCircuits: circuits[circuit].bulk.count { $0 != nil })
    }
  }
}
