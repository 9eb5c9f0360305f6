/// The settings of a node.
public struct NodeSettings: Sendable {
  /// This host's own name.
  public let name: OnionName
  /// The settings that can be changed while the node runs.
  public internal(set) var policy: NodePolicy
  /// The addresses of all identities of this host; its own may be among them. No caller may claim one of them, and none
  /// is dialled, whatever names it: a packet to one of them that comes this far is for a host that is not there.
  public internal(set) var siblings: Set<IPv6Address>
  /// Whether configured peers are dialled at start and always again, and told to acquaintances. If not, only their
  /// names are known, for packets to them.
  public let dialsPeers: Bool
  /// Whether the node dials its own onion service at start and once in a while, to find out whether others reach it.
  public let checksSelf: Bool
  /// The mean time between two checks whether this host is found by its address.
  public let lookupInterval: Duration
  /// Whether Tor serves this host's lookup names at the daemon's word, and not by torrc.
  public let tellsTor: Bool
  /// Whether Tor says first which circuit of its own an accepted circuit came through (`TorCircuitLine`).
  public let isToldTorCircuits: Bool
  /// The port of the onion service of every host of the overlay.
  public let servicePort: UInt16
  /// Whether the device exchanges super-packets and packets without a complete checksum.
  public let isOffloading: Bool
  /// The MTU of the device in bytes.
  public let mtu: Int
  /// Whether IPv4 packets are carried, by routes.
  public let carriesIPv4: Bool
  /// This host's own IPv4 address, if it has one.
  public let ipv4Address: IPv4Address?
  /// The limit on the length of delivered packets.
  public let egress: EgressLimit
  /// The bounds of what others can make the node take.
  public let bounds: NodeBounds

  /// Makes the settings of a node.
  public init(
    name: OnionName, policy: NodePolicy = NodePolicy(), siblings: Set<IPv6Address> = [], dialsPeers: Bool = true,
    checksSelf: Bool = false, lookupInterval: Duration = .seconds(30 * 60), tellsTor: Bool = false,
    isToldTorCircuits: Bool = false,
    servicePort: UInt16 = OverlayNetwork.servicePort, isOffloading: Bool = false,
    mtu: Int = 1_500,
    carriesIPv4: Bool = false, ipv4Address: IPv4Address? = nil, egress: EgressLimit = .none,
    bounds: NodeBounds = NodeBounds()
  ) {
    self.name = name
    self.policy = policy
    self.siblings = siblings
    self.dialsPeers = dialsPeers
    self.checksSelf = checksSelf
    self.lookupInterval = lookupInterval
    self.tellsTor = tellsTor
    self.isToldTorCircuits = isToldTorCircuits
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

  /// The settings of the peer table.
  var peerPolicy: PeerPolicy {
    PeerPolicy(
      name: name, siblings: siblings, servicePort: servicePort,
      capabilities: isOffloading ? [.superPackets, .order] : .order, idle: policy.idle,
      circuitsPerPeer: policy.circuitsPerPeer, authentication: policy.authentication,
      authentications: policy.authentications, lookup: policy.lookup, lookupInterval: lookupInterval,
      tellsTor: tellsTor, isToldTorCircuits: isToldTorCircuits, isFirst: dialsPeers, checksSelf: checksSelf,
      bounds: bounds)
  }
}
