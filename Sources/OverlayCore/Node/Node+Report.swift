/// What the node tells of itself to an operator who asks.
extension Node {
  /// The peers and counters, a line each. Peers are called by their petnames and addresses: the report stands in a log at
  /// levels that are not to hold their names.
  public func report(at now: Instant) -> [String] {
    var lines = ["\(settings.name.address) is \(settings.name), \(names.count) names known, Tor is \(tor)"]
    let shown =
      peers.values.filter(\.isPermanent).sorted { $0.label < $1.label }
      + peers.values.filter { !$0.isPermanent }.prefix(settings.bounds.reportedPeers)
    var running: [OnionName: Traffic] = [:]
    for circuit in circuits.identifiers {
      guard let name = otherSide(of: circuits[circuit]) else { continue }
      running[name, default: Traffic()].add(circuits[circuit].traffic)
    }
    lines += shown.map { line($0, running[$0.name] ?? Traffic(), at: now) }
    if shown.count < peers.count { lines.append("and \(peers.count - shown.count) more peers") }
    let accepted = circuits.identifiers.count { circuits[$0].dialledPeer == nil }
    lines.append("accepted circuits: \(accepted)")
    lines.append("counters: \(counters.summary)")
    return lines
  }

  /// Keeps with its peer what went over a circuit that is gone.
  mutating func keepTraffic(of circuit: borrowing Circuit) {
    guard let name = otherSide(of: circuit) else { return }
    peers[name]?.traffic.add(circuit.traffic)
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

  private func line(_ peer: Peer, _ running: Traffic, at now: Instant) -> String {
    var traffic = peer.traffic
    traffic.add(running)
    let place = peer.isPermanent ? "\(peer.label) (\(peer.name.address))" : peer.label
    var parts = ["\(place): \(state(of: peer, at: now))", "\(traffic)"]
    if let roundTrip = peer.roundTrip { parts.append("round trip \(Int(roundTrip / .milliseconds(1))) ms") }
    if let error = peer.lastError { parts.append("last error \(age(of: error.time, now)) ago: \(error.text)") }
    if let next = nextTry(of: peer, at: now) { parts.append(next) }
    return parts.joined(separator: "; ")
  }

  private func state(of peer: Peer, at now: Instant) -> String {
    switch peer.link {
    case .none: "no circuit"
    case .dialling(let circuit): "dialling for \(age(of: circuits[circuit].began, now))"
    case .open(let circuit):
      "circuit open for \(age(of: circuits[circuit].began, now)), "
        + "\(circuits[circuit].bulk.count { $0 != nil }) more for bulk"
    }
  }

  private func nextTry(of peer: Peer, at now: Instant) -> String? {
    guard peer.link == .none else { return nil }
    guard tor != .unreachable else { return peer.isPermanent ? "next try when Tor is back" : nil }
    let wait = (peer.pace.nextAttempt(from: now) - now).components.seconds
    if peer.isPermanent { return "next try in \(wait) s" }
    return wait > 0 ? "next try in \(wait) s at the earliest" : nil
  }

  private func age(of earlier: Instant, _ now: Instant) -> String { "\((now - earlier).components.seconds) s" }
}
