/// The outbox is all that every machine of a node may write: what is to be done with sockets, what there is to tell, and
/// what is counted. Whoever owns the sockets takes the actions out in the order in which they came.
struct Outbox: ~Copyable {
  private var actions: [NodeAction] = []
  private var first = 0
  // What strangers can cause as well as this host's own set-up, and what was told of it.
  private var toldOnce: Set<Notice> = []

  /// What is told at most once.
  enum Notice {
    /// An accepted circuit began with a PROXY line.
    case proxyLine
    /// A circuit says to come from this host's own name, and does not.
    case ownNameClaimed

    fileprivate var event: NodeEvent {
      switch self {
      case .proxyLine: .proxyLine
      case .ownNameClaimed: .ownNameClaimed
      }
    }
  }

  /// What has happened so far.
  var counters = Counters()

  /// Asks for something to be done.
  mutating func perform(_ action: NodeAction) {
    actions.append(action)
  }

  /// Tells whoever wants to know.
  mutating func tell(_ event: NodeEvent) {
    actions.append(.tell(event))
  }

  /// Tells of something that is told at most once.
  mutating func tellOnce(_ notice: Notice) {
    if toldOnce.insert(notice).inserted { tell(notice.event) }
  }

  /// Takes out the next action; `nil` if there is none.
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

/// What the node wants done, in this order, by whoever owns the sockets.
public enum NodeAction: Equatable, Sendable {
  /// Connect to the SOCKS server for this circuit, then tell `connected` or `ended`.
  case dial(CircuitIdentifier)
  /// There is something to send: call `transmit` once the socket can take it.
  case flush(CircuitIdentifier)
  /// Close the circuit's socket; the node knows it no more.
  case close(CircuitIdentifier)
  /// Find out whether the SOCKS server takes connections, then tell `torProbed`.
  case probeTor
  /// Tor came into reach or went out of it.
  case torReachable(Bool)
  /// Give memory that was freed back to the system.
  case trimMemory
  /// Tell whoever wants to know.
  case tell(NodeEvent)
}
