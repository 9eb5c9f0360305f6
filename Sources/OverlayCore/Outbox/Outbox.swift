/// The outbox is the only thing that every machine of a node may write: actions for the owner of the sockets, events,
/// and counters. The owner takes the actions in the order in which they came.
struct Outbox: ~Copyable {
  private var actions: [NodeAction] = []
  private var first = 0
  // The notices that were told already.
  private var toldOnce: Set<Notice> = []

  /// An event that is told at most once, because strangers can cause it.
  enum Notice {
    /// More circuits were to be accepted in a second than may be.
    case acceptLimit
    /// An accepted circuit began with a PROXY line.
    case proxyLine
    /// An accepted circuit did not begin with the line that Tor was to write.
    case noTorLine
    /// A circuit claims this host's own name, and is not of this host.
    case ownNameClaimed

    fileprivate var event: NodeEvent {
      switch self {
      case .acceptLimit: .acceptLimit
      case .proxyLine: .proxyLine
      case .noTorLine: .noTorLine
      case .ownNameClaimed: .ownNameClaimed
      }
    }
  }

  /// The number of times that each thing has happened.
  var counters = Counters()
  /// What is measured.
  var figures = NodeFigures()

  /// Appends an action.
  mutating func perform(_ action: NodeAction) {
    actions.append(action)
  }

  /// Appends an event.
  mutating func tell(_ event: NodeEvent) {
    actions.append(.tell(event))
  }

  /// Appends an event, unless it was told before.
  mutating func tellOnce(_ notice: Notice) {
    if toldOnce.insert(notice).inserted { tell(notice.event) }
  }

  /// Removes the next action and returns it; `nil` if there is none.
  mutating func next() -> NodeAction? {
    guard first < actions.count else {
      guard first > 0 else { return nil }
      actions.removeAll(keepingCapacity: true)
      first = 0
      return nil
    }
    first += 1
    return actions[first - 1]
  }
}

/// An action of the owner of the sockets. Actions are done in order.
public enum NodeAction: Equatable, Sendable {
  /// Connect to the SOCKS server for this circuit, then tell `connected` or `ended`.
  case dial(CircuitIdentifier)
  /// Call `transmit` once the socket can take bytes.
  case flush(CircuitIdentifier)
  /// Have the kernel hold at most so many bytes of the circuit beside those that the other side has room for.
  case limitUnsent(CircuitIdentifier, Int)
  /// Read the circuit's socket now, as `readAllowance` permits, and then whenever there is something to read.
  case read(CircuitIdentifier)
  /// Close the circuit's socket. The node does not know the circuit any more.
  case close(CircuitIdentifier)
  /// Find out whether the SOCKS server takes connections, then tell `torProbed`.
  case probeTor
  /// Tor came into reach or went out of it.
  case torReachable(Bool)
  /// Have Tor look anew for the service of this host's lookup name with this index, before it is asked.
  case refreshLookup(UInt8)
  /// Serve this host's lookup names with all indices up to this one.
  case serveLookup(upTo: UInt8)
  /// Return memory that was freed to the system.
  case trimMemory
  /// Show this event.
  case tell(NodeEvent)
}
