/// What a node is told and can be told anew while it runs: whom it keeps a circuit to, what lies behind whom, and how many
/// circuits it keeps for how long.
public struct NodePolicy: Sendable {
  /// The peers that the operator named.
  public var peers: [ConfiguredPeer]
  /// What lies behind peers, and behind this host.
  public var table: RouteTable
  /// How long a circuit that carries nothing stays.
  public var idle: Duration
  /// How many circuits a peer gets: one for sparse flows, the others for bulk, opened when they are wanted.
  public var circuitsPerPeer: Int

  /// A policy.
  public init(
    peers: [ConfiguredPeer] = [], table: RouteTable = RouteTable(), idle: Duration = .seconds(180),
    circuitsPerPeer: Int = 1
  ) {
    self.peers = peers
    self.table = table
    self.idle = idle
    self.circuitsPerPeer = circuitsPerPeer
  }
}

/// What changed when a policy was applied.
public enum PolicyChange: Equatable, Sendable {
  /// A peer is configured that was not.
  case peerAdded(ConfiguredPeer)
  /// A peer is not configured any more: its circuits were closed.
  case peerRemoved(ConfiguredPeer)
  /// A peer is not configured, since its address is this host's, or another name's that comes before it.
  case peerRefused(ConfiguredPeer)
  /// A prefix is routed to a peer that was not.
  case routeAdded(Route)
  /// A prefix is not routed to a peer any more.
  case routeRemoved(Route)
  /// A prefix is served that was not.
  case served(IPPrefix)
  /// A prefix is not served any more.
  case notServed(IPPrefix)
  /// Circuits that carry nothing stay for so long.
  case idle(Duration)
  /// A peer gets so many circuits.
  case circuitsPerPeer(Int)
}
