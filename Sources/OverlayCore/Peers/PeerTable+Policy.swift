/// What the operator says of peers, and says anew while the node runs.
extension PeerTable {
  /// Takes in a peer that is dialled for ever, or takes note of what the operator calls it now.
  mutating func configure(_ name: OnionName, label: String) {
    let peer = findOrInsert(name.address, name)
    peers[peer].configure(name, label: label)
    if !configured.contains(peer) { configured.append(peer) }
  }

  /// Leaves peers to themselves that are not among these any more.
  mutating func keepConfigured(_ names: [OnionName]) {
    let kept = Set(names)
    for peer in configured where peers[peer].name.map({ !kept.contains($0) }) ?? true { peers[peer].unconfigure() }
    configured = configured.filter { peers[$0].isPermanent }
  }

  /// Changes how long circuits stay that carry nothing, and how many a peer gets; then dials configured peers.
  mutating func change(
    idle: Duration, circuitsPerPeer: Int, names: inout NameTable, streams: inout Streams, out: inout Outbox,
    at now: Instant
  ) {
    (policy.idle, policy.circuitsPerPeer) = (idle, circuitsPerPeer)
    for circuit in streams.circuits.identifiers { look(at: circuit, when: now) }
    for peer in peers.indices where peers[peer].hasCircuit {
      makeBulkLanes(for: peer)
      closeBulkLanes(
        of: peer, from: circuitsPerPeer - 1, to: peers[peer].sparse.open, names: &names, streams: &streams, out: &out,
        at: now)
    }
    for peer in configured { redial(peer, names: &names, streams: &streams, out: &out, at: now) }
  }

  /// Makes room for as many lanes for bulk as a peer gets.
  mutating func makeBulkLanes(for peer: PeerSlots.Index) {
    while peers[peer].bulk.count < policy.circuitsPerPeer - 1 {
      peers[peer].bulk.append(Lane(user: UserIdentifier(using: &random)))
    }
  }
}
