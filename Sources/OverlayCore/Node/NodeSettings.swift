/// What a node is told when it is made.
public struct NodeSettings: Sendable {
  /// Our own identity.
  public let name: OnionName
  /// What may be changed while the node runs.
  public internal(set) var policy: NodePolicy
  /// The addresses of all identities of this host; its own may be among them. Nobody who calls from elsewhere is one of
  /// them, and none is dialled, whatever names it: a packet to one that came this far is for a host that is not there.
  public internal(set) var siblings: Set<IPv6Address>
  /// Whether the peers are dialled at start and for ever after; otherwise their names are known, and no more.
  public let dialsPeers: Bool
  /// The port that every onion service of the overlay has.
  public let servicePort: UInt16
  /// Whether the device takes and gives super-packets and unfinished checksums.
  public let isOffloading: Bool
  /// How many bytes the device carries in a packet.
  public let mtu: Int
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
    name: OnionName, policy: NodePolicy = NodePolicy(), siblings: Set<IPv6Address> = [], dialsPeers: Bool = true,
    servicePort: UInt16 = OverlayNetwork.servicePort, isOffloading: Bool = false, mtu: Int = 1_500,
    carriesIPv4: Bool = false, ipv4Address: IPv4Address? = nil, egress: EgressLimit = .none,
    bounds: NodeBounds = NodeBounds()
  ) {
    self.name = name
    self.policy = policy
    self.siblings = siblings
    self.dialsPeers = dialsPeers
    self.servicePort = servicePort
    self.isOffloading = isOffloading
    self.mtu = mtu
    self.carriesIPv4 = carriesIPv4
    self.ipv4Address = ipv4Address
    self.egress = egress
    self.bounds = bounds
  }

  /// The addresses of this host.
  var onThisSide: Set<IPv6Address> { siblings.union([name.address]) }

  /// What the peer table is told.
  var peerPolicy: PeerPolicy {
    PeerPolicy(
      name: name, siblings: siblings, servicePort: servicePort, capabilities: isOffloading ? .superPackets : [],
      idle: policy.idle, circuitsPerPeer: policy.circuitsPerPeer, bounds: bounds)
  }
}
