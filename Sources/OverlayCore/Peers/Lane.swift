/// A lane is one of several ways to a peer. It has a circuit, which carries packets or is being built, and room for a
/// successor of it.
struct Lane {
  /// The number of the lane for sparse flows, which are sensitive to delay. The lanes for bulk have the numbers from 1
  /// on.
  static let sparse = 0

  /// A circuit that this host dialled to the peer.
  struct Way: Equatable {
    /// The circuit.
    let circuit: CircuitIdentifier
    /// Whether Tor has granted the circuit.
    var isOpen = false
    /// The user identifier with which the circuit was dialled.
    let user: UserIdentifier
    /// The flow label of this host's keepalives on the circuit: 20 random bits.
    let flowLabel: UInt32

    /// Makes the way of a circuit that is being built.
    init(_ circuit: CircuitIdentifier, user: UserIdentifier, flowLabel: UInt32) {
      self.circuit = circuit
      self.user = user
      self.flowLabel = flowLabel
    }
  }

  /// The circuit of the lane, open or being built; `nil` for none.
  var current: Way?
  /// A second circuit, which is built beside the first while that is doubted.
  var successor: Way?
  /// The user identifier of the next circuit. Each lane has another one, so that Tor builds a circuit for each. It
  /// changes after a failure, because a dial that joins a circuit that is half dead would fail again.
  var user: UserIdentifier

  /// Makes a lane without a circuit.
  init(user: UserIdentifier) {
    self.user = user
  }

  /// The circuit that carries packets; `nil` if none is open.
  var open: CircuitIdentifier? { current.flatMap { $0.isOpen ? $0.circuit : nil } }
}
