/// What the node knows of a peer that it dials.
struct Peer {
  /// How we reach the peer.
  enum Link: Equatable {
    /// No circuit; packets ask for one.
    case none
    /// A circuit that is being built; packets wait in its queue.
    case dialling(CircuitIdentifier)
    /// A circuit that carries packets.
    case open(CircuitIdentifier)

    /// The circuit, if there is one.
    var circuit: CircuitIdentifier? {
      switch self {
      case .none: nil
      case .dialling(let circuit), .open(let circuit): circuit
      }
    }
  }

  /// A further circuit, for flows that are bulk.
  struct BulkLane {
    /// The circuit, being built or open.
    var circuit: CircuitIdentifier?
    /// What it is dialled with: another than every other circuit's, so that Tor builds one of its own.
    var userIdentifier: String
  }

  /// A second circuit that is being built beside the first, which is doubted, to take its place.
  struct Successor {
    /// The circuit, being built or open.
    let circuit: CircuitIdentifier
    /// What it is dialled with: another than the first one's, whose way may be what is broken.
    let userIdentifier: String
  }

  /// Whether the operator has been told how the peer is.
  enum Reachability {
    /// Nothing is known yet.
    case unknown
    /// A circuit stands.
    case connected
    /// A dial failed, or a circuit was lost.
    case lost
  }

  /// Who it is.
  let name: OnionName
  /// What the log may call it: by its petname, number or address.
  let label: String
  /// Whether its circuit is kept for ever.
  let isPermanent: Bool
  /// Whether it is ourselves, called through Tor for `feed:beef`.
  let isSelf: Bool
  /// What its circuits are dialled with. Tor lets streams of one user identifier share a circuit, and a dial that joins
  /// one that is half dead fails as the last did: after a failure a new one makes Tor begin anew.
  var userIdentifier: String
  /// How we reach it now.
  var link = Link.none
  /// The circuits beside it: lane 1 and up.
  var bulk: [BulkLane] = []
  /// When more of them may be dialled: only failures count as attempts, or no two could be built at once.
  var bulkPace = DialPace()
  /// What was last said of it in the log.
  var reachability = Reachability.unknown
  /// What went over its circuits that are gone.
  var traffic = Traffic()
  /// Why the last dial failed, or the last circuit was lost, and when.
  var lastError: (reason: NodeEvent.Disconnection, time: Instant)?
  /// When it may be dialled again.
  var pace = DialPace()
  /// When it asks to be dialled again.
  var alarm = Alarm()
  /// Whether it still is there while its circuit stands.
  var liveness = Liveness()
  /// What is to take the place of the first circuit.
  var successor: Successor?

  /// How long a question to it and its answer last took together; `nil` if it has not answered one.
  var roundTrip: Duration? { liveness.roundTrip }
}
