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

  /// The identities of this host have these addresses from now on.
  mutating func siblingsChanged(to addresses: Set<IPv6Address>) { policy.siblings = addresses }

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

/// What a peer table is told: who this host is, and how it treats peers.
struct PeerPolicy {
  /// This host's own name.
  let name: OnionName
  /// The addresses of all identities of this host. Nobody who calls from elsewhere is one of them.
  var siblings: Set<IPv6Address>
  /// The port that every onion service of the overlay has.
  let servicePort: UInt16
  /// What this host tells its peers that it can do.
  let capabilities: Capabilities
  /// How long a circuit that carries nothing stays.
  var idle: Duration
  /// How many circuits a peer gets: one for sparse flows, the others for bulk.
  var circuitsPerPeer: Int
  /// How much it takes of what others can make it take.
  let bounds: NodeBounds
}

/// A peer that the operator named on the command line: dialled at start, and again for ever.
public struct ConfiguredPeer: Hashable, Sendable {
  /// Who it is.
  public let name: OnionName
  /// What the operator calls it, if anything.
  public let petname: Petname?

  /// The peer of this name.
  public init(name: OnionName, petname: Petname? = nil) {
    self.name = name
    self.petname = petname
  }

  /// What the log may call it, the one with this index.
  public func label(_ index: Int) -> String { petname.map { "peer \($0)" } ?? "peer number \(index + 1)" }
}
