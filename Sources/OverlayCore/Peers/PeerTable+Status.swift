/// The status of the peer table, for the operator.
extension PeerTable {
  /// The label of the peer that is this host itself, reached through Tor.
  private static let ownLabel = "own onion service (feed:beef)"

  /// Returns the status of the configured peers that circuits are kept to or come from, and of others that were ever
  /// dialled, up to `NodeBounds.reportedPeers`, with the number of those that are left out. It looks at every circuit.
  /// `petnames` are those that the operator gave.
  func status(
    in streams: borrowing Streams, petnames: [OnionName: Petname], at now: Instant
  ) -> (shown: [PeerStatus], others: Int) {
    let known = peers.indices.filter { peers[$0].isReported || isConfigured($0) }
    let configured = known.filter { isConfigured($0) }.sorted { label(of: $0) < label(of: $1) }
    let shown = configured + known.filter { !isConfigured($0) }.prefix(policy.bounds.reportedPeers)
    return (shown.map { status(of: $0, in: streams, petnames, at: now) }, known.count - shown.count)
  }

  /// Returns the operator's name for the peer that a circuit comes from; `nil` if it is not configured.
  func configuredLabel(ofCaller circuit: CircuitIdentifier) -> String? {
    source(of: circuit).flatMap { labels[$0] }
  }

  /// Whether the operator configured a peer, whichever identity keeps circuits to it.
  private func isConfigured(_ peer: PeerSlots.Index) -> Bool { labels[peers[peer].address] != nil }

  /// Returns the label of a peer for the log: its petname, number or address.
  private func label(of peer: PeerSlots.Index) -> String {
    peers[peer].isSelf ? PeerTable.ownLabel : labels[peers[peer].address] ?? "\(peers[peer].address)"
  }

  /// Returns the time until a peer that was not reached is dialled again.
  func nextTry(of peer: PeerSlots.Index, at now: Instant) -> NextTry? {
    guard !isBlocked(peers[peer].address) else { return nil }
    let isPermanent = peers[peer].isPermanent && !peers[peer].isHeld
    guard tor != .unreachable else { return isPermanent ? .whenTorIsBack : nil }
    let wait = peers[peer].pace.nextAttempt(from: now) - now
    return isPermanent ? .after(wait) : .ifWanted(after: wait)
  }

  /// Notes whether a peer is reachable. It returns what the operator has to be told; `nil` for a peer without a name.
  mutating func change(of peer: PeerSlots.Index, to reachability: Peer.Reachability) -> NodeEvent.PeerChange? {
    guard let name = peers[peer].name else { return nil }
    let isNews = peers[peer].isPermanent && peers[peer].reachability != reachability
    peers[peer].reachability = reachability
    return NodeEvent.PeerChange(name: name, label: label(of: peer), isNews: isNews)
  }

  func status(
    of peer: PeerSlots.Index, in streams: borrowing Streams, _ petnames: [OnionName: Petname], at now: Instant
  ) -> PeerStatus {
    let name = peers[peer].name ?? policy.name
    var traffic = peers[peer].traffic
    let (dialled, accepted) = (peers[peer].dialled, peers[peer].incoming)
    var rate = Traffic()
    let believed = accepted.filter { call($0)?.sender.isBelieved == true }
    for circuit in dialled + believed {
      traffic.add(streams[circuit].traffic)
      rate.add(streams[circuit].meter.rate(at: now))
    }
    return PeerStatus(
      name: name, label: label(of: peer), petname: petnames[name], isConfigured: isConfigured(peer),
      state: state(of: peer, in: streams, at: now), traffic: traffic, rate: rate, dialledCircuits: dialled.count,
      acceptedCircuits: accepted.count,
      authentication: accepted.isEmpty ? nil : .init(proof(of: peer)),
      drops: peers[peer].drops.sorted { $0.key.rawValue < $1.key.rawValue }.map { ("\($0.key)", $0.value) },
      roundTrip: peers[peer].roundTrip,
      smoothedRoundTrip: peers[peer].smoothedRoundTrip,
      lastError: peers[peer].lastError.map { ($0.reason, now - $0.time) },
      nextTry: peers[peer].hasCircuit ? nil : nextTry(of: peer, at: now))
  }

  private func state(of peer: PeerSlots.Index, in streams: borrowing Streams, at now: Instant) -> PeerStatus.State {
    guard let way = peers[peer].sparse.current else {
      return isBlocked(peers[peer].address) ? .blocked : peers[peer].isHeld ? .held : .idle
    }
    let age = now - streams[way.circuit].began
    return way.isOpen ? .up(age, bulkCircuits: peers[peer].openBulkLanes) : .connecting(age)
  }
}
