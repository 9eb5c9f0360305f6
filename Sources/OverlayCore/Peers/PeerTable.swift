/// The peer table is the one place that knows who there is: every host that was configured, dialled or has called, the
/// circuits that lead to it or came from it, and what is to be done about them when their time has come. It finds a peer
/// by its address in one step.
///
/// Beside the configured peers it holds those that there are circuits of, whose number is bounded, and those that were
/// dialled lately, whose pace it remembers.
struct PeerTable: ~Copyable {
  /// How often peers are forgotten that nothing is to be remembered of.
  static let tidyingInterval = Duration.seconds(50)
  /// How often it is tried whether Tor is back.
  static let torProbeInterval = Duration.seconds(2)

  /// What it was told.
  var policy: PeerPolicy
  /// Whether the SOCKS server takes connections.
  private(set) var tor = TorReachability.unknown
  /// All peers.
  var peers = PeerSlots()
  /// The configured peers, in the operator's order.
  var configured: [PeerSlots.Index] = []
  /// How many circuits are dialled, and which configured peers wait for that.
  var dials: DialQueue
  /// When strangers are dialled.
  var strangers: StrangerDials
  /// The accepted circuits, and which of them makes room.
  var calls: AcceptedCircuits
  /// Lines of the log that a stranger can cause.
  var strangerLines: TokenBucket
  /// Whatever is drawn by lot.
  var random: any RandomNumberGenerator

  // By the circuit's slot.
  private var uses: [(circuit: CircuitIdentifier, use: CircuitUse)?] = []
  // By the number of the peer's slot, and by the circuit's slot.
  private(set) var peerDeadlines = DeadlineQueue()
  private(set) var circuitDeadlines = DeadlineQueue()
  private var nextTorProbe = Instant.distantFuture
  private var nextDials = Instant.distantFuture
  private var nextSelection = Instant.distantFuture
  private var nextTidying = Instant.distantFuture

  /// A table without peers.
  init(_ policy: PeerPolicy, random: any RandomNumberGenerator) {
    let bounds = policy.bounds
    self.policy = policy
    self.random = random
    dials = DialQueue(limit: bounds.dials, rate: bounds.dialsPerSecond)
    strangers = StrangerDials(perMinute: bounds.strangerDials)
    calls = AcceptedCircuits(limit: bounds.circuits - bounds.circuits / 4)
    strangerLines = TokenBucket(rate: Double(bounds.strangerLines) / 300, burst: Double(bounds.strangerLines))
  }

  // MARK: - Who there is

  /// The number of peers.
  var count: Int { peers.count }

  /// Whether there is a circuit to the peer with this address, open or being built.
  func hasCircuit(to address: IPv6Address) -> Bool { peers.find(address).map { peers[$0].hasCircuit } ?? false }

  /// The first circuit to a name; `nil` if there is none.
  func firstCircuit(to name: OnionName) -> CircuitIdentifier? {
    guard let peer = peers.find(name.address), peers[peer].name == name else { return nil }
    return peers[peer].sparse.current?.circuit
  }

  /// The peer with this address, which is taken in if it is not there.
  mutating func findOrInsert(_ address: IPv6Address, _ name: OnionName?, isSelf: Bool = false) -> PeerSlots.Index {
    if let peer = peers.find(address) {
      if peers[peer].name == nil { peers[peer].name = name }
      return peer
    }
    return peers.insert(Peer(address: address, name: name, isSelf: isSelf, user: UserIdentifier(using: &random)))
  }

  /// Forgets a peer that was never dialled, once nothing leads to it.
  mutating func forgetIfUnknown(_ peer: PeerSlots.Index) {
    guard !peers[peer].wasDialled, !peers[peer].isPermanent, !peers[peer].hasCircuit, peers[peer].incoming.isEmpty
    else { return }
    forget(peer)
  }

  private mutating func forget(_ peer: PeerSlots.Index) {
    peerDeadlines.cancel(peer.number)
    peers.remove(peer)
  }

  /// What a circuit is for; `nil` if it is gone.
  func use(of circuit: CircuitIdentifier) -> CircuitUse? {
    guard circuit.slot < uses.count, let entry = uses[circuit.slot], entry.circuit == circuit else { return nil }
    return entry.use
  }

  /// Sets what a circuit is for; `nil` if it is gone, in which case nobody looks at it again.
  mutating func set(_ use: CircuitUse?, of circuit: CircuitIdentifier) {
    while uses.count <= circuit.slot { uses.append(nil) }
    uses[circuit.slot] = use.map { (circuit, $0) }
    if use == nil { circuitDeadlines.cancel(circuit.slot) }
  }

  /// What is known of an accepted circuit; `nil` for one that was dialled.
  func call(_ circuit: CircuitIdentifier) -> Call? {
    if case .call(let call) = use(of: circuit) { call } else { nil }
  }

  /// The peer that sent an accepted circuit, as far as that is known: this host itself is one, too.
  func caller(_ sender: Sender) -> PeerSlots.Index? {
    switch sender {
    case .claimed(let address, _): peers.find(address)
    case .selfCall: peers.find(OverlayNetwork.tor.circuitResponder)
    case .unknown, .refused: nil
    }
  }

  /// Whose packets may come over a circuit; `nil` for nobody's.
  func source(of circuit: CircuitIdentifier) -> IPv6Address? {
    switch use(of: circuit) {
    case .lane(let peer, _), .successor(let peer): peers[peer].source
    case .call(let call): call.sender.address
    case nil: nil
    }
  }

  /// Whether a peer with this address is there now: a circuit to it is open, or one that claims to be its was accepted.
  func isLive(_ address: IPv6Address) -> Bool {
    guard let peer = peers.find(address), !peers[peer].isSelf else { return false }
    return peers[peer].state == .up || !peers[peer].incoming.isEmpty
  }

  // MARK: - Time

  /// When `advance` has to be called next.
  var nextDeadline: Instant {
    min(peerDeadlines.earliest, circuitDeadlines.earliest, min(nextTorProbe, nextDials, min(nextSelection, nextTidying)))
  }

  /// Begins: looks for Tor, whose answer dials the configured peers.
  mutating func start(out: inout Outbox, at now: Instant) {
    out.perform(.probeTor)
    nextTidying = now + PeerTable.tidyingInterval
  }

  /// Does what is due. It returns a circuit that is to be closed, and why: the caller closes it, and asks again.
  mutating func advance(
    to now: Instant, names: inout NameTable, streams: inout Streams, out: inout Outbox
  ) -> (CircuitIdentifier, CircuitEnd)? {
    if PeerTable.take(&nextTorProbe, at: now) { out.perform(.probeTor) }
    if PeerTable.take(&nextDials, at: now) { dialWaiting(names: &names, streams: &streams, out: &out, at: now) }
    if PeerTable.take(&nextSelection, at: now) { selectStranger(names: &names, streams: &streams, out: &out, at: now) }
    if PeerTable.take(&nextTidying, at: now) { tidy(at: now) }
    while let number = peerDeadlines.popDue(at: now) {
      tend(PeerSlots.Index(number: number), names: &names, streams: &streams, out: &out, at: now)
    }
    while let slot = circuitDeadlines.popDue(at: now) {
      guard let entry = uses[slot] else { continue }
      if let end = tend(entry.circuit, entry.use, names: &names, streams: &streams, out: &out, at: now) {
        return (entry.circuit, end)
      }
    }
    return nil
  }

  /// Asks for a look at a peer.
  mutating func look(at peer: PeerSlots.Index, when time: Instant) {
    peerDeadlines.ask(peer.number, at: time)
  }

  /// Asks for a look at a circuit.
  mutating func look(at circuit: CircuitIdentifier, when time: Instant) {
    circuitDeadlines.ask(circuit.slot, at: time)
  }

  /// Asks for a look at the configured peers that wait to be dialled.
  mutating func lookAtDials(when time: Instant) { nextDials = min(nextDials, time) }

  /// Asks for a stranger to be drawn.
  mutating func selectStranger(when time: Instant) { nextSelection = min(nextSelection, time) }

  private static func take(_ time: inout Instant, at now: Instant) -> Bool {
    guard time <= now else { return false }
    time = .distantFuture
    return true
  }

  private mutating func tend(
    _ peer: PeerSlots.Index, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    switch peers[peer].state {
    case .idle, .backoff: redial(peer, names: &names, streams: &streams, out: &out, at: now)
    case .connecting: break
    case .up: tendLiveness(of: peer, names: &names, streams: &streams, out: &out, at: now)
    }
  }

  private mutating func tidy(at now: Instant) {
    for peer in peers.indices {
      peers[peer].flows.releaseIfOver(at: now)
      if peers[peer].isForgettable(at: now) { forget(peer) }
    }
    nextTidying = now + PeerTable.tidyingInterval
  }

  // MARK: - Tor

  /// Tells whether the SOCKS server takes connections.
  mutating func torProbed(
    isReachable: Bool, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard isReachable else { return torLost(out: &out, at: now) }
    guard tor != .reachable else { return }
    tor = .reachable
    out.perform(.torReachable(true))
    for peer in peers.indices { peers[peer].forgive() }
    for peer in configured { redial(peer, names: &names, streams: &streams, out: &out, at: now) }
  }

  /// The SOCKS server does not take connections.
  mutating func torLost(out: inout Outbox, at now: Instant) {
    nextTorProbe = min(nextTorProbe, now + PeerTable.torProbeInterval)
    guard tor != .unreachable else { return }
    tor = .unreachable
    out.perform(.torReachable(false))
  }
}
