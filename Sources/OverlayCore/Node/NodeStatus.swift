/// The status of a node at one time.
public struct NodeStatus: Sendable {
  /// Its own onion name, which tells its address.
  public let name: OnionName
  /// The number of names that are known.
  public let knownNames: Int
  /// Whether the SOCKS server takes connections.
  public let tor: TorReachability
  /// Whether others can reach this host.
  public let readiness: Readiness
  /// What strangers find who look this host up by its address; `nil` if it does not want to be found.
  public let lookup: LookupFinding?
  /// The configured peers, in the order of their labels, and others up to `NodeBounds.reportedPeers`.
  public let peers: [PeerStatus]
  /// The number of peers that are left out.
  public let otherPeers: Int
  /// The number of accepted circuits that are open.
  public let acceptedCircuits: Int
  /// The number of times that each thing has happened.
  public let counters: Counters
  /// What was measured.
  public let figures: NodeFigures
  /// The circuits by what they are.
  public let circuits: CircuitCensus
  /// The bytes that went over all circuits.
  public let traffic: Traffic
  /// TCP flows that came on several circuits.
  public let order: OrderStatus
  /// What comes in that nobody here asked for.
  public let door: DoorStatus
}
