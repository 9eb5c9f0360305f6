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
