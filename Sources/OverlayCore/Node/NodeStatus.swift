/// What a node is like at a moment, as values.
public struct NodeStatus: Sendable {
  /// Its own onion name, which tells its address.
  public let name: OnionName
  /// How many names are known.
  public let knownNames: Int
  /// Whether the SOCKS server takes connections.
  public let tor: TorReachability
  /// The configured peers, in the order of their labels, and so many others as are shown (`NodeBounds.reportedPeers`).
  public let peers: [PeerStatus]
  /// How many peers there are beyond those.
  public let otherPeers: Int
  /// How many circuits are open that were accepted.
  public let acceptedCircuits: Int
  /// What has happened so far.
  public let counters: Counters
}
