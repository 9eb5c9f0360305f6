/// Whether the SOCKS server takes connections.
public enum TorReachability: Equatable, Sendable {
  /// No connection was tried yet.
  case unknown
  /// It takes connections.
  case reachable
  /// It takes no connections.
  case unreachable
}

/// The status of a peer at one time.
public struct PeerStatus: Sendable {
  /// How a peer is reached.
  public enum State: Equatable, Sendable {
    /// There is no circuit to it.
    case idle
    /// The operator closed its circuits: none is dialled until a packet, or the operator, wants it.
    case held
    /// The operator blocked it.
    case blocked
    /// The first circuit is being built, for so long.
    case connecting(Duration)
    /// The first circuit was dialled so long ago and is open, with so many more circuits for bulk.
    case up(Duration, bulkCircuits: Int)
  }

  /// What is known of the sender of the circuits that claim to be of a peer: the best of them counts.
  public enum Authenticity: String, Sendable {
    /// It holds the key of the peer's onion name.
    case proven
    /// An echo reply of the peer came over it.
    case weak
    /// It has proven nothing.
    case unproven

    init(_ proof: Proof?) {
      switch proof {
      case .full: self = .proven
      case .weak: self = .weak
      case .belief, nil: self = .unproven
      }
    }
  }

  /// The full onion name of the peer.
  public let name: OnionName
  /// The label of the peer where its name must not be seen: its petname, its number or its address.
  public let label: String
  /// The petname that the operator gave the peer; `nil` if there is none.
  public let petname: Petname?
  /// Whether the operator configured the peer.
  public let isConfigured: Bool
  /// How the peer is reached.
  public let state: State
  /// The bytes that went over all circuits to and from the peer.
  public let traffic: Traffic
  /// The bytes a second of the circuits that are there, over the last seconds.
  public let rate: Traffic
  /// The number of circuits that this host dialled to the peer, open or being built.
  public let dialledCircuits: Int
  /// The number of accepted circuits that claim to be of the peer.
  public let acceptedCircuits: Int
  /// Whether these circuits are really of the peer; `nil` if there is none.
  public let authentication: Authenticity?
  /// How many packets of the peer were dropped for which reason, by the names of the counters.
  public let drops: [(name: String, count: UInt64)]
  /// The time that its last answer took; `nil` if it has not answered yet.
  public let roundTrip: Duration?
  /// The same, smoothed over the last answers.
  public let smoothedRoundTrip: Duration?
  /// The reason why the peer was last lost or not reached, and the time since then; `nil` if it never was.
  public let lastError: (reason: NodeEvent.Disconnection, age: Duration)?
  /// The time until the peer is dialled again; `nil` if that is permitted at once, or if there is a circuit.
  public let nextTry: NextTry?
}
