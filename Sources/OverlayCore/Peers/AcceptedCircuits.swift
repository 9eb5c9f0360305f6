/// The circuits that were accepted, and which of them makes room when there are too many.
///
/// Half of the places are for newcomers: any call gets one, and a newcomer drawn at random makes room for it, as often in a
/// second as there are such places at the most. So nobody can foresee whom a crowd of calls displaces, and a caller has time
/// to say who he is. The other half is for those that have brought a packet or that the operator knows. A known peer gets a
/// place there at once: a stranger makes room for it, and without one it takes a place of the newcomers. Past `mostOfPeer`
/// circuits of one peer another one of its own makes room: whoever claims its name displaces nobody else. A stranger gets a
/// place that is free, or, once a second, another stranger's; without, he stays among the newcomers. A call displaces a known
/// peer at that pace, too, and only where there is nobody else. Of two drawn at random the one that was silent for longer
/// makes room. The counters `crowdedOut` and `circuitLimit` show what was closed and refused.
struct AcceptedCircuits {
  /// How many places a known peer can have: for as many circuits as it may dial, and one that takes another's place.
  static let mostOfPeer = 9

  /// Where a circuit has its place.
  private struct Place {
    var group = Standing.unproven
    var index = 0
  }

  /// What became of a circuit that asked for a place among those of the established.
  enum Placement: Equatable {
    /// It has one.
    case taken
    /// It has this one's place, which is to be closed.
    case takenFrom(CircuitIdentifier)
    /// It stays a newcomer.
    case none
  }

  // By standing: those that have brought nothing are the newcomers.
  private var groups = [[CircuitIdentifier]](repeating: [], count: Standing.allCases.count)
  // By the circuit's slot.
  private var places: [Place] = []
  private var turnover: TokenBucket
  private var displacement = TokenBucket(rate: 1, burst: 10)

  /// No circuit, of so many at the most.
  init(limit: Int) {
    let newcomers = Double(AcceptedCircuits.newcomerPlaces(of: limit))
    turnover = TokenBucket(rate: newcomers, burst: newcomers)
  }

  /// How many circuits there are.
  private(set) var count = 0

  /// Takes in a circuit that has said nothing.
  mutating func insert(_ circuit: CircuitIdentifier) {
    while places.count <= circuit.slot { places.append(Place()) }
    count += 1
    add(circuit, to: .unproven)
  }

  /// The circuit is gone.
  mutating func remove(_ circuit: CircuitIdentifier) {
    count -= 1
    take(circuit)
  }

  /// Which circuit is to be closed so that a call finds room; `nil` if the call is one too many.
  mutating func newcomerPlace(
    at now: Instant, using random: inout any RandomNumberGenerator, in circuits: borrowing CircuitTable
  ) -> CircuitIdentifier? {
    guard turnover.take(at: now) else { return nil }
    if let newcomer = groups[Standing.unproven.rawValue].randomElement(using: &random) { return newcomer }
    if let stranger = silent(of: .stranger, using: &random, circuits) { return stranger }
    return displacement.take(at: now) ? silent(of: .known, using: &random, circuits) : nil
  }

  /// Whether any of them is of nobody whom the operator knows.
  var holdsUnknown: Bool { groups[Standing.known.rawValue].count < count }

  /// Which circuit is to be closed so that a configured peer can be dialled; `nil` if all are of such peers.
  func leastWanted(
    using random: inout any RandomNumberGenerator, in circuits: borrowing CircuitTable
  ) -> CircuitIdentifier? {
    groups[Standing.unproven.rawValue].randomElement(using: &random) ?? silent(of: .stranger, using: &random, circuits)
  }

  /// Gives a circuit a place among the established, where all have `limit` places together, and a peer's are `others`.
  mutating func establish(
    _ circuit: CircuitIdentifier, beside others: [CircuitIdentifier], limit: Int, at now: Instant,
    using random: inout any RandomNumberGenerator, in circuits: borrowing CircuitTable
  ) -> Placement {
    let standing = circuits[circuit].standing
    guard places[circuit.slot].group.rawValue < standing.rawValue else { return .taken }
    var other = standing == .known ? surplus(of: others, circuits) : nil
    let isNew = places[circuit.slot].group == .unproven
    if other == nil, isNew,
      count - groups[Standing.unproven.rawValue].count >= limit - AcceptedCircuits.newcomerPlaces(of: limit)
    {
      if standing == .stranger {
        guard groups[Standing.stranger.rawValue].count > 0, displacement.take(at: now) else { return .none }
      }
      other = silent(of: .stranger, using: &random, circuits)
    }
    take(circuit)
    add(circuit, to: standing)
    return other.map { .takenFrom($0) } ?? .taken
  }

  private static func newcomerPlaces(of limit: Int) -> Int { max(1, limit / 2) }

  /// The circuit of a known peer that is to be closed because it has as many as it may have: the one that was silent for
  /// longest.
  private func surplus(of others: [CircuitIdentifier], _ circuits: borrowing CircuitTable) -> CircuitIdentifier? {
    var count = 0
    var silent: CircuitIdentifier?
    for circuit in others where places[circuit.slot].group == .known {
      count += 1
      if silent.map({ circuits[circuit].lastReceived < circuits[$0].lastReceived }) ?? true { silent = circuit }
    }
    return count < AcceptedCircuits.mostOfPeer ? nil : silent
  }

  private func silent(
    of standing: Standing, using random: inout any RandomNumberGenerator, _ circuits: borrowing CircuitTable
  ) -> CircuitIdentifier? {
    let group = groups[standing.rawValue]
    guard let first = group.randomElement(using: &random), let second = group.randomElement(using: &random) else {
      return nil
    }
    return circuits[first].lastReceived < circuits[second].lastReceived ? first : second
  }

  private mutating func add(_ circuit: CircuitIdentifier, to group: Standing) {
    places[circuit.slot] = Place(group: group, index: groups[group.rawValue].count)
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
