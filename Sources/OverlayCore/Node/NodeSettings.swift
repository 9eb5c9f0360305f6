/// What a node is told when it is made.
public struct NodeSettings: Sendable {
  /// Our own identity.
  public let name: OnionName
  /// The peers that the operator named.
  public let peers: [ConfiguredPeer]
  /// The addresses of all identities of this host; its own may be among them. Nobody who calls from elsewhere is one of
  /// them, and none is dialled, whatever names it: a packet to one that came this far is for a host that is not there.
  public let siblings: Set<IPv6Address>
  /// Whether the peers are dialled at start and for ever after; otherwise their names are known, and no more.
  public let dialsPeers: Bool
  /// The port that every onion service of the overlay has.
  public let servicePort: UInt16
  /// How long a circuit that carries nothing stays.
  public let idle: Duration
  /// How many circuits a peer gets: one for sparse flows, the others for bulk, opened when they are wanted.
  public let circuitsPerPeer: Int
  /// Whether the device takes and gives super-packets and unfinished checksums.
  public let isOffloading: Bool
  /// How many bytes the device carries in a packet.
  public let mtu: Int
  /// What lies behind peers. Routes that `RouteTable` refuses are none.
  public let routes: [Route]
  /// What lies behind this host.
  public let served: [IPPrefix]
  /// Whether IPv4 packets are carried, by routes.
  public let carriesIPv4: Bool
  /// This host's own IPv4 address, if it has one.
  public let ipv4Address: IPv4Address?
  /// How long packets may be that are delivered to the device.
  public let egress: EgressLimit
  /// How much it takes of what others can make it take.
  public let bounds: NodeBounds

  /// The settings of a node.
  public init(
    name: OnionName, peers: [ConfiguredPeer], siblings: Set<IPv6Address> = [], dialsPeers: Bool = true,
    servicePort: UInt16 = OverlayNetwork.servicePort,
    idle: Duration = .seconds(180), circuitsPerPeer: Int = 1, isOffloading: Bool = false, mtu: Int = 1_500,
    routes: [Route] = [], served: [IPPrefix] = [],
    carriesIPv4: Bool = false, ipv4Address: IPv4Address? = nil, egress: EgressLimit = .none,
    bounds: NodeBounds = NodeBounds()
  ) {
    self.name = name
    self.peers = peers
    self.siblings = siblings
    self.dialsPeers = dialsPeers
    self.servicePort = servicePort
    self.idle = idle
    self.circuitsPerPeer = circuitsPerPeer
    self.isOffloading = isOffloading
    self.mtu = mtu
    self.routes = routes
    self.served = served
    self.carriesIPv4 = carriesIPv4
    self.ipv4Address = ipv4Address
    self.egress = egress
    self.bounds = bounds
  }
}

/// How long packets may be that are delivered to the device.
public enum EgressLimit: Sendable {
  /// As long as IP allows: behind the device is a kernel, which takes its own packets in any size, and forwards,
  /// fragments or refuses those of others.
  case none
  /// As long as the device carries: behind it is a link. What is longer is cut where that is allowed, and refused
  /// otherwise.
  case mtu
}
