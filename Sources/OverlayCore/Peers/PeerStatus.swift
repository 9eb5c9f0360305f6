/// Whether the SOCKS server takes connections.
public enum TorReachability: Equatable, Sendable {
  /// It was not tried yet.
  case unknown
  /// It does.
  case reachable
  /// It does not.
  case unreachable
}

/// What a peer is like at a moment.
public struct PeerStatus: Sendable {
  /// How a peer is reached.
  public enum State: Equatable, Sendable {
    /// There is no circuit to it.
    case idle
    /// The first circuit has been being built for so long.
    case connecting(Duration)
    /// The first circuit has been there for so long, and so many more stand for bulk.
    case up(Duration, bulkCircuits: Int)
  }

  /// Its full name.
  public let name: OnionName
  /// What it may be called where its name is not to be seen: its petname, its number or its address.
  public let label: String
  /// Whether the operator configured it.
  public let isConfigured: Bool
  /// How it is reached.
  public let state: State
  /// What went over all circuits to it, and from it.
  public let traffic: Traffic
  /// How long its last answer took; `nil` if it has not answered yet.
  public let roundTrip: Duration?
  /// Why it was last lost or not reached, and how long ago that was.
  public let lastError: (reason: NodeEvent.Disconnection, age: Duration)?
  /// When it is dialled again; `nil` if that may be done at once, or there is a circuit.
  public let nextTry: NextTry?
}
