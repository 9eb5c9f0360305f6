/// The settings of a node that can be changed while it runs: the peers that it keeps a circuit to, the routes, and the
/// number and the idle time of circuits.
public struct NodePolicy: Sendable {
  /// The peers that the operator named.
  public var peers: [ConfiguredPeer]
  /// The prefixes behind peers, and behind this host.
  public var table: RouteTable
  /// The time after which an idle circuit is closed.
  public var idle: Duration
  /// The greatest number of circuits to a peer, at least 1: one for sparse flows, the others for bulk, opened when they
  /// are needed.
  public var circuitsPerPeer: Int {
    didSet { circuitsPerPeer = NodePolicy.permitted(circuitsPerPeer) }
  }
  /// Whether strangers' names are looked up by their addresses, and this host's can be.
  public var lookup: LookupMode
  /// Whether habits of kernels are taken out of what goes to peers (`Scrubber`).
  public var scrubs: Bool
  /// What callers have to prove before anything of theirs reaches the device.
  public var authentication: Authentication
  /// What these have to prove instead, by their names.
  public var authentications: [OnionName: Authentication]
  /// Names that nobody is told: of services that are found with a key alone.
  public var secret: Set<OnionName>
  /// Whether this host is in a closed group: only the names that the operator gave call, are dialled and are told.
  public var onlyPeers: Bool
  /// What comes in that nobody here asked for.
  public var door: DoorPolicy
  /// The ceilings of what comes and goes.
  public var rates: RateLimits

  /// Makes a policy. Unless it is told otherwise its door is closed, and callers have to prove who they are.
  public init(
    peers: [ConfiguredPeer] = [], table: RouteTable = RouteTable(), idle: Duration = .seconds(180),
    circuitsPerPeer: Int = 1, lookup: LookupMode = .off, scrubs: Bool = true,
    authentication: Authentication = .strict, authentications: [OnionName: Authentication] = [:],
    secret: Set<OnionName> = [], door: DoorPolicy = DoorPolicy(), onlyPeers: Bool = false,
    rates: RateLimits = RateLimits()
  ) {
    self.peers = peers
    self.table = table
    self.idle = idle
    self.circuitsPerPeer = NodePolicy.permitted(circuitsPerPeer)
    self.lookup = lookup
    self.scrubs = scrubs
    self.authentication = authentication
    self.authentications = authentications
    self.secret = secret
    self.door = door
    self.onlyPeers = onlyPeers
    self.rates = rates
  }
}

extension NodePolicy {
  /// Returns the number of circuits nearest to `count` that a peer can have: one for each lane of a bulk queue, and the
  /// first.
  private static func permitted(_ count: Int) -> Int { min(max(1, count), FlowQueue.lastLane + 1) }

  /// The petnames of the peers that have one.
  var petnames: [OnionName: Petname] {
    var petnames: [OnionName: Petname] = [:]
    for peer in peers { petnames[peer.name] = peer.petname }
    return petnames
  }
}

/// A change that a policy made.
public enum PolicyChange: Equatable, Sendable {
  /// The peer is configured now.
  case peerAdded(ConfiguredPeer)
  /// The peer is not configured any more, and its circuits were closed.
  case peerRemoved(ConfiguredPeer)
  /// The peer is not configured, because its address is this host's, or that of a name before it.
  case peerRefused(ConfiguredPeer)
  /// The prefix is routed to the peer now.
  case routeAdded(Route)
  /// The prefix is not routed to the peer any more.
  case routeRemoved(Route)
  /// The prefix is served now.
  case served(IPPrefix)
  /// The prefix is not served any more.
  case notServed(IPPrefix)
  /// An idle circuit is closed after so long.
  case idle(Duration)
  /// A peer gets so many circuits at most.
  case circuitsPerPeer(Int)
  /// Names are looked up like this.
  case lookup(LookupMode)
  /// Habits of kernels are taken out of what goes to peers, or are not.
  case scrub(Bool)
  /// Callers have to prove this.
  case authentication(Authentication)
  /// Some peers have to prove something else than before.
  case authentications
}
