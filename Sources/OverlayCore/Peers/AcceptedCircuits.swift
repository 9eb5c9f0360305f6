/// The circuits that were accepted, and the choice of the one that makes room when there are too many.
///
/// Half of the places are for newcomers. Any call gets one: a newcomer chosen at random makes room for it, at most as
/// often in a second as there are such places. So nobody can foresee whom a crowd of calls displaces, and a caller has
/// time to say who he is. The other half of the places is for established circuits, which have brought a packet or are
/// of a peer that the operator knows.
///
/// A circuit of a known peer is established at once. A stranger's established circuit makes room for it, or else it
/// uses a place of the newcomers. Past `mostOfPeer` circuits of one peer another circuit of the same peer makes room,
/// so that whoever claims its name displaces nobody else, and none that has proven to be the peer's. A claim that is
/// not proven displaces no stranger that has shown who it is. A stranger's circuit is established if a place is free,
/// or, at a rate of one a second, by displacing another stranger's; otherwise it stays a newcomer. A call displaces a
/// known peer's circuit only if there is no other, and at the same rate. Of two established circuits chosen at random
/// the one that was silent for longer makes room.
///
/// Circuits whose callers have not shown who they are have places of their own number besides (`NodeBounds.unproven`),
/// of which established strangers take half at most, and claims of known peers with them three quarters: past that a
/// newcomer makes room for the next. The counters `crowdedOut`, `circuitLimit` and `acceptLimit` show how many circuits
/// were closed and how many calls refused.
struct AcceptedCircuits {
  /// The greatest number of established circuits of a known peer: as many as it may dial, and one that replaces
  /// another.
  static let mostOfPeer = 9

  /// The place of a circuit: a group, and an index into it.
  private struct Place {
    var group = Standing.unproven
    var index = 0
    // Whether the caller has shown who it is.
    var isBelieved = false
  }

  /// The result of an attempt to establish a circuit.
  enum Placement: Equatable {
    /// The circuit is established.
    case taken
    /// The circuit is established in place of this one, which has to be closed.
    case takenFrom(CircuitIdentifier)
    /// The circuit stays a newcomer.
    case none
  }

  // By standing. The circuits that have brought nothing are the newcomers.
  private var groups = [[CircuitIdentifier]](repeating: [], count: Standing.allCases.count)
  // By the circuit's slot.
  private var places: [Place] = []
  private var turnover: TokenBucket
  private var displacement = TokenBucket(rate: 1, burst: 10)
  private var arrival: TokenBucket
  private let unprovenLimit: Int

  /// Makes a table without circuits, for as many as `bounds` permit.
  init(_ bounds: NodeBounds) {
    let limit = min(bounds.accepted, bounds.circuits - bounds.circuits / 4)
    let newcomers = Double(min(AcceptedCircuits.newcomerPlaces(of: limit), bounds.unproven))
    turnover = TokenBucket(rate: newcomers, burst: newcomers)
    arrival = TokenBucket(rate: Double(bounds.acceptsPerSecond), burst: Double(bounds.acceptsPerSecond))
    unprovenLimit = bounds.unproven
  }

  /// The number of circuits.
  private(set) var count = 0
  /// The number of circuits whose callers have not shown who they are.
  private(set) var unprovenCount = 0

  /// Whether there are as many circuits of callers that have not shown who they are as there may be.
  var isFullOfUnproven: Bool { unprovenCount >= unprovenLimit }

  /// Returns whether a call may be accepted now, as far as the number in a second goes.
  mutating func takeTurn(at now: Instant) -> Bool { arrival.take(at: now) }

  /// Gives back what a call took of the number in a second, because the caller has had more than his share.
  mutating func giveTurnBack() { arrival.giveBack() }

  /// Notes whether the caller of a circuit has shown who it is.
  mutating func note(_ circuit: CircuitIdentifier, isBelieved: Bool) {
    guard places[circuit.slot].isBelieved != isBelieved else { return }
    places[circuit.slot].isBelieved = isBelieved
    unprovenCount += isBelieved ? -1 : 1
  }

  /// Adds a circuit that was accepted just now.
  mutating func insert(_ circuit: CircuitIdentifier) {
    while places.count <= circuit.slot { places.append(Place()) }
    places[circuit.slot] = Place()
    count += 1
    unprovenCount += 1
    add(circuit, to: .unproven)
  }

  /// Removes a circuit that is gone.
  mutating func remove(_ circuit: CircuitIdentifier) {
    count -= 1
    if !places[circuit.slot].isBelieved { unprovenCount -= 1 }
    take(circuit)
  }

  /// Returns the circuit that has to be closed so that a call finds room; `nil` if the call has to be refused.
  /// `isFull` says that it is not only room for unproven callers that lacks.
  mutating func newcomerPlace(
    isFull: Bool, at now: Instant, using random: inout any RandomNumberGenerator, in circuits: borrowing CircuitTable
  ) -> CircuitIdentifier? {
    guard turnover.take(at: now) else { return nil }
    if let newcomer = groups[Standing.unproven.rawValue].randomElement(using: &random) { return newcomer }
    guard isFull else {
      // Claims of peers that the operator knows, and of as many strangers as may be established without a proof.
      guard displacement.take(at: now) else { return nil }
      return groups.joined().filter { !places[$0.slot].isBelieved }.randomElement(using: &random)
    }
    if let stranger = silent(of: .stranger, using: &random, circuits) { return stranger }
    return displacement.take(at: now) ? silent(of: .known, using: &random, circuits) : nil
  }

  /// Whether any circuit is of no peer that the operator knows.
  var holdsUnknown: Bool { groups[Standing.known.rawValue].count < count }

  /// Returns the circuit that has to be closed so that a configured peer can be dialled; `nil` if all are of such
  /// peers.
  func leastWanted(
    using random: inout any RandomNumberGenerator, in circuits: borrowing CircuitTable
  ) -> CircuitIdentifier? {
    groups[Standing.unproven.rawValue].randomElement(using: &random) ?? silent(of: .stranger, using: &random, circuits)
  }

  /// Establishes a circuit. All circuits together have `limit` places, and `others` are the circuits of the same peer.
  mutating func establish(
    _ circuit: CircuitIdentifier, beside others: [CircuitIdentifier], limit: Int, at now: Instant,
    using random: inout any RandomNumberGenerator, in circuits: borrowing CircuitTable
  ) -> Placement {
    let standing = circuits[circuit].standing
    guard places[circuit.slot].group.rawValue < standing.rawValue else { return .taken }
    let isBelieved = places[circuit.slot].isBelieved
    var other: CircuitIdentifier?
    if standing == .known, let surplus = surplus(of: others, circuits) {
      guard isBelieved || !places[surplus.slot].isBelieved else { return .none }
      other = surplus
    }
    let isNew = places[circuit.slot].group == .unproven
    let most = standing == .stranger ? unprovenLimit / 2 : unprovenLimit - unprovenLimit / 4
    if !isBelieved, isNew, other == nil, unprovenCount - groups[Standing.unproven.rawValue].count >= most {
      return .none
    }
    if other == nil, isNew,
      count - groups[Standing.unproven.rawValue].count >= limit - AcceptedCircuits.newcomerPlaces(of: limit)
    {
      if standing == .stranger {
        guard groups[Standing.stranger.rawValue].count > 0, displacement.take(at: now) else { return .none }
      }
      other = silent(of: .stranger, sparingBelieved: !isBelieved, using: &random, circuits)
      if other == nil, !isBelieved, groups[Standing.stranger.rawValue].count > 0 { return .none }
    }
    take(circuit)
    add(circuit, to: standing)
    return other.map { .takenFrom($0) } ?? .taken
  }

  private static func newcomerPlaces(of limit: Int) -> Int { max(1, limit / 2) }

  /// Returns the circuit of a known peer that has been silent for longest, if the peer has as many as it may have. One
  /// that has proven nothing comes before all that have.
  private func surplus(of others: [CircuitIdentifier], _ circuits: borrowing CircuitTable) -> CircuitIdentifier? {
    var count = 0
    var silent: CircuitIdentifier?
    for circuit in others where places[circuit.slot].group == .known {
      count += 1
      guard let other = silent else {
        silent = circuit
        continue
      }
      let (isBelieved, isOtherBelieved) = (places[circuit.slot].isBelieved, places[other.slot].isBelieved)
      if isBelieved == isOtherBelieved
        ? circuits[circuit].lastReceived < circuits[other].lastReceived : isOtherBelieved
      {
        silent = circuit
      }
    }
    return count < AcceptedCircuits.mostOfPeer ? nil : silent
  }

  private func silent(
    of standing: Standing, sparingBelieved: Bool = false, using random: inout any RandomNumberGenerator,
    _ circuits: borrowing CircuitTable
  ) -> CircuitIdentifier? {
    var group = groups[standing.rawValue]
    if sparingBelieved { group.removeAll { places[$0.slot].isBelieved } }
    guard let first = group.randomElement(using: &random), let second = group.randomElement(using: &random) else {
      return nil
    }
    return circuits[first].lastReceived < circuits[second].lastReceived ? first : second
  }

  private mutating func add(_ circuit: CircuitIdentifier, to group: Standing) {
    places[circuit.slot].group = group
    places[circuit.slot].index = groups[group.rawValue].count
    groups[group.rawValue].append(circuit)
  }

  private mutating func take(_ circuit: CircuitIdentifier) {
    let place = places[circuit.slot]
    let last = groups[place.group.rawValue].removeLast()
    guard last != circuit else { return }
    groups[place.group.rawValue][place.index] = last
    places[last.slot].index = place.index
  }
}
