/// A peer is another host of the overlay, or this host itself where it is reached through Tor. It was dialled, is
/// configured, or claims to be the sender of an accepted circuit.
struct Peer: ~Copyable {
  /// How this host reaches a peer.
  enum State: Equatable {
    /// There is no circuit. A packet to the peer dials it.
    case idle
    /// The name of the peer is searched for since then, and packets wait for it.
    case resolving(since: Instant)
    /// The first circuit is being built, and packets wait for it.
    case connecting
    /// The first circuit carries packets.
    case up
    /// There is no circuit for this reason, and none is dialled before this time.
    case backoff(until: Instant, why: NodeEvent.Disconnection)
  }

  /// What the log last said of the peer.
  enum Reachability: Equatable {
    /// Nothing yet.
    case unknown
    /// A circuit is open.
    case connected
    /// A circuit was lost, or a dial failed for this reason.
    case lost(DialFailure?)
  }

  /// The overlay address of the peer; `feed:beef` for this host itself.
  let address: IPv6Address
  /// The onion name of the peer; `nil` for a caller that has not told it.
  var name: OnionName?
  /// Whether a circuit to the peer is kept for ever, because the operator configured it and this identity dials.
  private(set) var isPermanent = false
  /// Whether the peer is this host itself, which dials `feed:beef` through Tor.
  let isSelf: Bool

  /// How the peer is reached now.
  private(set) var state = State.idle
  /// The lane for sparse flows. Its circuit is the peer's first.
  var sparse: Lane
  /// The lanes for bulk: number 1 and up.
  var bulk: [Lane] = []
  /// The accepted circuits that claim to be of this peer, whether or not they have proven it.
  var incoming: [CircuitIdentifier] = []
  /// The packets that wait for the first circuit.
  var waiting = PacketQueue()
  /// Whether packets that waited for it were refused, and its dial or the search for its name goes on.
  var hasRefusedLate = false
  /// Which flows are bulk.
  var flows = FlowTable()
  /// The bulk queue of the peer in `Streams`; `nil` before the first circuit has opened.
  var bulkQueue: Int?
  /// The time from which on one more circuit for bulk may be dialled.
  var nextLaneLook = Instant(nanoseconds: 0)

  /// The time at which something was sent to the peer on any lane, after which nothing has come from it on any circuit;
  /// `nil` if something has come, or nothing was sent.
  var unansweredSince: Instant?
  /// The time at which something last came from the peer on any circuit, or the first circuit was granted.
  var lastHeard = Instant(nanoseconds: 0)
  /// Whether the peer is still at the other end of its first circuit.
  var liveness = Liveness()
  /// The random bytes by which this host recognises a circuit to itself; empty for any other peer.
  var selfCallToken: [UInt8] = []

  /// The pace at which the first circuit is dialled.
  private(set) var pace: DialPace
  /// The pace at which circuits for bulk are dialled. Only failures count as attempts, or no two could be built at
  /// once.
  var bulkPace = DialPace()
  /// What the log last said of the peer.
  var reachability = Reachability.unknown
  /// The bytes that went over circuits of the peer that are gone.
  var traffic = Traffic()
  /// The reason and the time of the last failure or loss of a first circuit; `nil` for none.
  var lastError: (reason: NodeEvent.Disconnection, time: Instant)?
  /// The question to Tor why the peer is not reached, while it is not answered.
  var question: CircuitIdentifier?
  /// The questions to the lookup service that are open while the name is searched for.
  var lookUps: [CircuitIdentifier] = []
  /// The pace at which its questions for names are answered: ten a second, and as many as a host asks at once.
  var namePace = TokenBucket(rate: 10, burst: 40)
  /// The challenge of this identity to the peer.
  var challenge = Challenge()
  /// The challenges of the peer that later circuits to it answer.
  var responses = Responses()
  /// The echo requests by which a peer without extensions proves its circuits.
  var echoProofs = EchoProofs()
  /// Whether anything came from the peer on a circuit that this host dialled. An echo reply does not prove another
  /// circuit then: the peer answers whoever calls it with this host's address.
  var answersWhereDialled = false
  /// The strongest proof that any circuit of the peer has ever given; `nil` for none.
  var bestProof: Proof?
  /// Whether the peer was believed without a proof, as `Authentication.legacy` permits.
  var isBelieved = false
  /// The packets of the peer that were dropped, by the reason: one number for each counter that there is.
  var drops: [Counter: UInt64] = [:]
  /// What the peer can beyond the protocol that every peer speaks.
  var capabilities: Capabilities = []
  /// Whether the operator wants no circuit to the configured peer until a packet does.
  var isHeld = false
  /// Whether this identity has ever dialled the peer.
  private(set) var wasDialled = false

  /// Makes a peer without circuits.
  init(address: IPv6Address, name: OnionName?, isSelf: Bool = false, user: UserIdentifier) {
    self.address = address
    self.name = name
    self.isSelf = isSelf
    sparse = Lane(user: user)
    pace = DialPace()
  }

  /// Whether reports show the peer. They show nobody who calls and was never dialled, unless the operator named him.
  var isReported: Bool { isPermanent || wasDialled }
  /// Whether the peer has ever proven a circuit, so that it can.
  var hasProven: Bool { bestProof != nil }
  /// Whether the name of the peer is searched for.
  var isResolving: Bool { if case .resolving = state { true } else { false } }
  /// Whether there is a first circuit, open or being built.
  var hasCircuit: Bool { sparse.current != nil }
  /// The only source address of packets on circuits to the peer. A circuit to this host itself brings none from
  /// `feed:beef`.
  var source: IPv6Address? { isSelf ? name?.address : address }
  /// The time from the last answered question to its answer; `nil` if the peer has answered none.
  var roundTrip: Duration? { liveness.roundTrip }
  /// The same, smoothed over the last answers.
  var smoothedRoundTrip: Duration? { liveness.smoothedRoundTrip }
  /// The number of circuits for bulk that are open.
  var openBulkLanes: Int { bulk.count { $0.open != nil } }

  /// The circuits that this host dialled to the peer.
  var dialled: [CircuitIdentifier] {
    ([sparse.current, sparse.successor] + bulk.map(\.current)).compactMap { $0?.circuit }
  }

  /// Returns what is known of a circuit that this host dialled to the peer; `nil` for any other.
  func way(of circuit: CircuitIdentifier) -> Lane.Way? {
    if let current = sparse.current, current.circuit == circuit { return current }
    if let successor = sparse.successor, successor.circuit == circuit { return successor }
    return bulk.first { $0.current?.circuit == circuit }?.current
  }

  /// Whether a second circuit is open, which replaces the first as soon as something comes from the peer.
  var awaitsSignOfLife: Bool { sparse.successor?.isOpen == true }

  // MARK: - How it is reached

  /// Notes that the operator configured the peer, to which a circuit is kept.
  mutating func configure(_ name: OnionName) {
    let isNew = !isPermanent
    isPermanent = true
    if isNew, !hasCircuit { becomes(name) } else { pace.shortestPause = DialPace.configuredPause }
  }

  /// Notes that the operator does not name the peer any more.
  mutating func unconfigure() {
    isPermanent = false
    isHeld = false
    pace.shortestPause = .zero
  }

  /// Gives the address to another name, and so to another host, of which nothing is known.
  mutating func becomes(_ name: OnionName) {
    self.name = name
    pace = DialPace(shortestPause: isPermanent ? DialPace.configuredPause : .zero)
    bulkPace = DialPace()
    liveness = Liveness()
    forgetPast()
    (challenge, responses, echoProofs) = (Challenge(), Responses(), EchoProofs())
    (answersWhereDialled, bestProof, isBelieved) = (false, nil, false)
  }

  // What Tor answers to a question about the time before concerns nobody.
  private mutating func forgetPast() {
    (traffic, lastError, reachability, question, drops) = (Traffic(), nil, .unknown, nil, [:])
    state = .idle
  }

  /// Notes that the name of the peer is searched for.
  mutating func resolves(at now: Instant) { state = .resolving(since: now) }

  /// Notes that the search has ended.
  mutating func isResolved() {
    if isResolving { state = .idle }
  }

  /// Notes that Tor has granted a circuit to the peer.
  mutating func open(_ use: CircuitUse) {
    switch use {
    case .lane(_, Lane.sparse):
      sparse.current?.isOpen = true
      hasRefusedLate = false
      state = .up
    case .lane(_, let lane): bulk[lane - 1].current?.isOpen = true
    case .successor: sparse.successor?.isOpen = true
    case .call, .question, .lookUp, .ownLookUp: break
    }
  }

  /// Notes that the first circuit is being built.
  mutating func connects(by way: Lane.Way, at now: Instant) {
    pace.attempted(at: now)
    wasDialled = true
    isHeld = false
    sparse.current = way
    state = .connecting
  }

  /// Makes a circuit, which is open or being built, the first one.
  mutating func isReached(by way: Lane.Way) {
    sparse.current = way
    state = way.isOpen ? .up : .connecting
  }

  /// Notes that there is no first circuit any more.
  mutating func isLeft() {
    sparse.current = nil
    state = .idle
    liveness.trust()
    flows = FlowTable()
  }

  /// Notes that the first circuit could not be built.
  mutating func wasNotReached(at now: Instant, jitter: Double) { pace.failed(at: now, jitter: jitter) }

  /// Notes that the first circuit was lost after a short time.
  mutating func wasLostSoon(at now: Instant, jitter: Double) { pace.lost(at: now, jitter: jitter) }

  /// Keeps the reason why there is no first circuit, and backs off until the pause of the pace ends.
  mutating func isBackedOff(for why: NodeEvent.Disconnection, at now: Instant) {
    lastError = (why, now)
    if pace.pauseEnd > now { state = .backoff(until: pace.pauseEnd, why: why) }
  }

  /// Keeps a better reason for the last failure to reach the peer.
  mutating func explain(_ why: NodeEvent.Disconnection) {
    if let time = lastError?.time { lastError = (why, time) }
    if case .backoff(let until, _) = state { state = .backoff(until: until, why: why) }
  }

  /// Notes that a second circuit is being built beside the first.
  mutating func isDoubted(successor way: Lane.Way, at now: Instant) {
    pace.attempted(at: now)
    sparse.successor = way
    liveness.dialsSuccessor(at: now)
  }

  /// Forgets the attempts and failures, because the operator wants a dial now.
  mutating func forgetPace() {
    pace = DialPace(shortestPause: pace.shortestPause)
    endBackoff()
  }

  /// Ends the pause, because the obstacle is gone.
  mutating func forgive() {
    pace.forgive()
    endBackoff()
  }

  /// Notes a sign of life: the peer may be dialled, once in a while even beyond the limit of its pace.
  mutating func showedLife(at now: Instant) {
    pace.showedLife(at: now)
    endBackoff()
  }

  /// Notes that somebody claims to be the peer. It returns whether the peer may be dialled, so that it can prove it.
  mutating func wasClaimed(at now: Instant) -> Bool {
    guard pace.wasClaimed(at: now) else { return false }
    endBackoff()
    return true
  }

  /// Notes that Tor would grant a circuit that it has just refused. It returns whether the peer may be dialled at once.
  mutating func wouldBeReached(at now: Instant) -> Bool {
    guard pace.permitsSecondTry(at: now) else { return false }
    endBackoff()
    return true
  }

  /// Shortens the pause of a configured peer, because packets wait for it.
  mutating func hasten() {
    pace.hasten()
    if case .backoff(_, let why) = state { state = .backoff(until: pace.pauseEnd, why: why) }
  }

  private mutating func endBackoff() {
    if case .backoff = state { state = .idle }
  }

  /// Forgets all that this host knows of the peer from dialling it.
  mutating func forgetDials() {
    wasDialled = false
    (pace, bulkPace, liveness) = (DialPace(), DialPace(), Liveness())
    forgetPast()
  }

  /// Returns whether no circuit leads to the peer, and whether one that was never dialled would be treated alike.
  func isForgettable(at now: Instant) -> Bool {
    !isPermanent && !hasCircuit && !isResolving && question == nil && waiting.count == 0 && pace.isForgettable(at: now)
      && bulkPace.isForgettable(at: now) && liveness.isForgettable(at: now)
  }
}
