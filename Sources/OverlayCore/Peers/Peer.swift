/// A peer is another host of the overlay, or this host itself as it is reached through Tor: whoever was dialled, is to be
/// dialled, or says to be there on a circuit that was accepted.
struct Peer: ~Copyable {
  /// How this host reaches a peer.
  enum State: Equatable {
    /// There is no circuit, and a packet asks for one.
    case idle
    /// The first circuit is being built; packets wait.
    case connecting
    /// The first circuit carries packets.
    case up
    /// There is no circuit, and none is dialled before a time, for this reason.
    case backoff(until: Instant, why: NodeEvent.Disconnection)
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

  /// Its overlay address; `feed:beef` for this host itself.
  let address: IPv6Address
  /// Its onion name; `nil` for a caller who has not said it.
  var name: OnionName?
  /// What the operator calls it; `nil` for a peer that was not configured.
  private(set) var label: String?
  /// Whether it is this host itself, called through Tor for `feed:beef`.
  let isSelf: Bool

  /// How it is reached now.
  private(set) var state = State.idle
  /// The lane for sparse flows, whose circuit is the first.
  var sparse: Lane
  /// The lanes for bulk: number 1 and up.
  var bulk: [Lane] = []
  /// The circuits that it dialled, as far as it says.
  var incoming: [CircuitIdentifier] = []
  /// The packets that wait for the first circuit.
  var waiting = PacketQueue()
  /// Which flow goes along which lane.
  var flows = FlowTable()
  /// When one of the flows that wait for a lane for bulk may look for one again.
  var nextLaneLook = Instant(nanoseconds: 0)

  /// Since when something was sent to the peer on any lane and nothing came from it on any circuit; `nil` if nothing was
  /// sent since.
  var unansweredSince: Instant?
  /// When something last came from the peer on any circuit, or the first circuit was granted.
  var lastHeard = Instant(nanoseconds: 0)
  /// Whether it still is there while its circuit stands.
  var liveness = Liveness()
  /// The random bytes by which a circuit to ourselves is recognised; empty for any other peer.
  var selfCallToken: [UInt8] = []

  /// When it may be dialled again.
  private(set) var pace: DialPace
  /// When lanes for bulk may be dialled again. Only failures count as attempts, or no two could be built at once.
  var bulkPace = DialPace()
  /// What was last said of it in the log.
  var reachability = Reachability.unknown
  /// What went over its circuits that are gone.
  var traffic = Traffic()
  /// Why the last dial failed, or the last circuit was lost, and when.
  var lastError: (reason: NodeEvent.Disconnection, time: Instant)?
  /// Whether it takes TCP super-packets.
  var takesSuperPackets = false
  /// Whether this host has ever dialled it.
  private(set) var wasDialled = false

  /// A peer that there is no circuit to.
  init(address: IPv6Address, name: OnionName?, isSelf: Bool = false, user: UserIdentifier) {
    self.address = address
    self.name = name
    self.isSelf = isSelf
    sparse = Lane(user: user)
    pace = DialPace()
  }

  /// Whether its circuit is kept for ever: the operator configured it.
  var isPermanent: Bool { label != nil }
  /// Whether there is a first circuit, open or being built.
  var hasCircuit: Bool { sparse.current != nil }
  /// Whose packets may come over circuits to it: a circuit to this host itself brings none.
  var source: IPv6Address? { isSelf ? name?.address : address }
  /// How long a question to it and its answer last took together; `nil` if it has not answered one.
  var roundTrip: Duration? { liveness.roundTrip }
  /// Its circuits for bulk that are open.
  var openBulkLanes: Int { bulk.count { $0.open != nil } }

  /// The circuits that this host dialled to it.
  var dialled: [CircuitIdentifier] {
    ([sparse.current, sparse.successor] + bulk.map(\.current)).compactMap { $0?.circuit }
  }

  /// What this host knows of a circuit that it dialled to it.
  func way(of circuit: CircuitIdentifier) -> Lane.Way? {
    if let current = sparse.current, current.circuit == circuit { return current }
    if let successor = sparse.successor, successor.circuit == circuit { return successor }
    return bulk.first { $0.current?.circuit == circuit }?.current
  }

  /// Whether a second circuit stands, which takes the first one's place as soon as something comes.
  var awaitsSignOfLife: Bool { sparse.successor?.isOpen == true }

  // MARK: - How it is reached

  /// The operator wants a circuit to it for ever.
  mutating func configure(_ name: OnionName, label: String) {
    let isNew = self.label == nil
    self.label = label
    if isNew, !hasCircuit { becomes(name) }
  }

  /// The operator does not name it any more.
  mutating func unconfigure() { label = nil }

  /// The address has this name from now on: another host, of which nothing is known.
  mutating func becomes(_ name: OnionName) {
    self.name = name
    pace = DialPace(shortestPause: label == nil ? .zero : DialPace.configuredPause)
    bulkPace = DialPace()
    liveness = Liveness()
    (traffic, lastError, reachability) = (Traffic(), nil, .unknown)
    state = .idle
  }

  /// Tor has granted one of its circuits.
  mutating func open(_ use: CircuitUse) {
    switch use {
    case .lane(_, Lane.sparse):
      sparse.current?.isOpen = true
      state = .up
    case .lane(_, let lane): bulk[lane - 1].current?.isOpen = true
    case .successor: sparse.successor?.isOpen = true
    case .call: break
    }
  }

  /// Lets flows that wait for a lane for bulk look for one with their next packet.
  mutating func lookForLane() { nextLaneLook = Instant(nanoseconds: 0) }

  /// The first circuit is being built.
  mutating func connects(by way: Lane.Way, at now: Instant) {
    pace.attempted(at: now)
    wasDialled = true
    sparse.current = way
    state = .connecting
  }

  /// The first circuit stands, or another takes its place.
  mutating func isReached(by way: Lane.Way) {
    sparse.current = way
    state = way.isOpen ? .up : .connecting
    lookForLane()
  }

  /// There is no first circuit any more.
  mutating func isLeft() {
    sparse.current = nil
    state = .idle
    liveness.trust()
    flows = FlowTable()
    lookForLane()
  }

  /// A dial failed.
  mutating func wasNotReached(at now: Instant, jitter: Double) { pace.failed(at: now, jitter: jitter) }

  /// The first circuit stood only shortly.
  mutating func wasLostSoon(at now: Instant, jitter: Double) { pace.lost(at: now, jitter: jitter) }

  /// There is no first circuit for this reason, and none is dialled before the pause is over that the pace asks for.
  mutating func isBackedOff(for why: NodeEvent.Disconnection, at now: Instant) {
    lastError = (why, now)
    if pace.pauseEnd > now { state = .backoff(until: pace.pauseEnd, why: why) }
  }

  /// A second circuit is being built beside the first.
  mutating func isDoubted(successor way: Lane.Way, at now: Instant) {
    pace.attempted(at: now)
    sparse.successor = way
    liveness.dialsSuccessor(at: now)
  }

  /// What kept this host from the peer is gone: it may be dialled.
  mutating func forgive() {
    pace.forgive()
    endBackoff()
  }

  /// The peer gave a sign of life: it may be dialled, once in a while even beyond the limit of its pace.
  mutating func showedLife(at now: Instant) {
    pace.showedLife(at: now)
    endBackoff()
  }

  /// Somebody waits for the peer, which is configured: the pause is not to be long.
  mutating func hasten() {
    pace.hasten()
    if case .backoff(_, let why) = state { state = .backoff(until: pace.pauseEnd, why: why) }
  }

  private mutating func endBackoff() {
    if case .backoff = state { state = .idle }
  }

  /// Whether nothing is remembered of it that bounds what may be done, and nothing leads to it.
  func isForgettable(at now: Instant) -> Bool {
    !isPermanent && !hasCircuit && incoming.isEmpty && waiting.count == 0 && pace.isForgettable(at: now)
      && bulkPace.isForgettable(at: now) && liveness.isForgettable(at: now)
  }
}
