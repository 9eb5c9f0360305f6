/// A lane is one of the ways to a peer: a circuit that carries packets or is being built, and room for the one that is to
/// take its place.
struct Lane {
  /// The number of the lane for sparse, latency-sensitive flows. Those for bulk follow.
  static let sparse = 0

  /// A circuit that was dialled to the peer.
  struct Way: Equatable {
    /// The circuit.
    let circuit: CircuitIdentifier
    /// Whether Tor has granted it.
    var isOpen = false
    /// What it was dialled with.
    let user: UserIdentifier
    /// The 20 bits that our keepalives on it carry.
    let flowLabel: UInt32

    /// A circuit that is being built.
    init(_ circuit: CircuitIdentifier, user: UserIdentifier, flowLabel: UInt32) {
      self.circuit = circuit
      self.user = user
      self.flowLabel = flowLabel
    }
  }

  /// The circuit, being built or open.
  var current: Way?
  /// A second circuit, which is built beside the first because that is doubted.
  var successor: Way?
  /// What the next circuit is dialled with: another than every other lane's, so that Tor builds one of its own. A dial that
  /// joins a circuit that is half dead fails as the last did: after a failure a new one makes Tor begin anew.
  var user: UserIdentifier

  /// A lane without a circuit.
  init(user: UserIdentifier) {
    self.user = user
  }

  /// The circuit that carries packets.
  var open: CircuitIdentifier? { current.flatMap { $0.isOpen ? $0.circuit : nil } }
}
