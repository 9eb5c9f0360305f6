/// The peer table is the one place that knows the peers: every host that was configured or dialled or has called, the
/// circuits to and from each, and the deadlines of peers and circuits. It finds a peer by its address in one step.
///
/// Beside the configured peers it holds those that have circuits, whose number is bounded, and those that were dialled
/// lately, whose pace it remembers.
struct PeerTable: ~Copyable {
  /// The interval at which peers are forgotten of which nothing needs to be remembered.
  static let tidyingInterval = Duration.seconds(50)
  /// The interval at which the SOCKS server is tried while Tor is away.
  static let torProbeInterval = Duration.seconds(2)

  /// The settings of the table.
  var policy: PeerPolicy
  /// Whether the SOCKS server takes connections.
  private(set) var tor = TorReachability.unknown
  /// All peers.
  var peers = PeerSlots()
  /// What the operator calls the peers that he configured, by their addresses: at every identity, though one alone
  /// keeps circuits to them.
  private(set) var labels: [IPv6Address: String] = [:]
  /// The configured peers to which circuits are kept, in the operator's order.
  var configured: [PeerSlots.Index] = []
  /// The bound of dials, and the configured peers that wait for one.
  var dials: DialQueue
  /// The pace at which strangers are dialled.
  var strangers: StrangerDials
  /// The accepted circuits, and the choice of the one that makes room.
  var calls: AcceptedCircuits
  /// The Tor circuits that they came through.
  var torCircuits = TorCircuits()
  /// The bound of the log lines that a stranger can cause.
  var strangerLines: TokenBucket
  /// The check whether this host's own service leads back to it; `nil` if there is none.
  var selfCheck: SelfCheck?
  /// Whether the SOCKS port is known to have `ExtendedErrors`: one of these was seen.
  var hasExtendedErrors = false
  /// The searches for the names of addresses.
  var searches: NameSearches
  /// The questions to acquaintances.
  var acquaintances = Acquaintances()
  /// The check whether this host is found by its address.
  var lookupCheck: LookupCheck
  /// The packets that have waited in vain for a name, until `takeUnresolved`.
  var unresolved: [PacketQueue] = []
  /// The addresses of the peers that the operator blocked, at most `blockedLimit`.
  var blocked: Set<IPv6Address> = []
  /// The addresses of the only peers that this host has to do with; `nil` if that is anybody.
  var group: Set<IPv6Address>?
  /// The claims of accepted circuits that are not proven yet.
  var claims: Claims
  /// The accepted circuits whose senders are believed now, with the packets that waited on them, until `takeAdmitted`.
  var admitted: [(circuit: CircuitIdentifier, waiting: PacketQueue)] = []
  /// The source of everything that is random.
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

  /// Makes a table without peers.
  init(_ policy: PeerPolicy, random: any RandomNumberGenerator) {
    let bounds = policy.bounds
    self.policy = policy
    self.random = random
    dials = DialQueue(limit: bounds.dials, rate: bounds.dialsPerSecond)
    strangers = StrangerDials(perMinute: bounds.strangerDials)
    calls = AcceptedCircuits(bounds)
    strangerLines = TokenBucket(rate: Double(bounds.strangerLines) / 300, burst: Double(bounds.strangerLines))
    selfCheck = policy.checksSelf ? SelfCheck() : nil
    searches = NameSearches(
      asksLookupService: policy.lookup != .off, limit: bounds.searches, questionsPerMinute: bounds.questionsPerMinute,
      missLimit: bounds.missedNames)
    lookupCheck = LookupCheck(interval: policy.lookupInterval, tellsTor: policy.tellsTor)
    claims = Claims(memoryLimit: bounds.unprovenBytes)
  }

  // MARK: - Who there is

  /// Calls the configured peers so from now on.
  mutating func use(labels: [IPv6Address: String]) { self.labels = labels }

  /// The number of accepted circuits.
  var callCount: Int { calls.count }

  /// The number of peers.
  var count: Int { peers.count }

  /// Returns whether there is a first circuit to the peer with this address, open or being built.
  func hasCircuit(to address: IPv6Address) -> Bool { peers.find(address).map { peers[$0].hasCircuit } ?? false }

  /// Returns the first circuit to a name; `nil` if there is none.
  func firstCircuit(to name: OnionName) -> CircuitIdentifier? {
    guard let peer = peers.find(name.address), peers[peer].name == name else { return nil }
    return peers[peer].sparse.current?.circuit
  }

  /// Returns the accepted circuits that claim to be of the peer with this address.
  func circuits(from address: IPv6Address) -> [CircuitIdentifier] {
    peers.find(address).map { peers[$0].incoming } ?? []
  }

  /// Returns the peer with this address, and adds it if there is none.
  mutating func findOrInsert(_ address: IPv6Address, _ name: OnionName?, isSelf: Bool = false) -> PeerSlots.Index {
    if let peer = peers.find(address) {
      if peers[peer].name == nil { peers[peer].name = name }
      return peer
    }
    return peers.insert(Peer(address: address, name: name, isSelf: isSelf, user: UserIdentifier(using: &random)))
  }

  /// Forgets a peer that was never dialled if no circuit leads to or from it, and its name is not searched for.
  mutating func forgetIfUnknown(_ peer: PeerSlots.Index) {
    let isUsed = peers[peer].hasCircuit || peers[peer].isResolving || !peers[peer].incoming.isEmpty
    if !peers[peer].isReported, !isUsed { forget(peer) }
  }

  /// Notes that there is no first circuit to a peer any more, and cancels the check whether the peer answers along it.
  mutating func leave(_ peer: PeerSlots.Index) {
    peers[peer].isLeft()
    peerDeadlines.cancel(peer.number)
  }

  private mutating func forget(_ peer: PeerSlots.Index) {
    peerDeadlines.cancel(peer.number)
    peers.remove(peer)
  }

  /// Returns the use of a circuit; `nil` if the circuit is gone.
  func use(of circuit: CircuitIdentifier) -> CircuitUse? {
    guard circuit.slot < uses.count, let entry = uses[circuit.slot], entry.circuit == circuit else { return nil }
    return entry.use
  }

  /// Sets the use of a circuit. `nil` says that the circuit is gone, and cancels its deadline.
  mutating func set(_ use: CircuitUse?, of circuit: CircuitIdentifier) {
    while uses.count <= circuit.slot { uses.append(nil) }
    uses[circuit.slot] = use.map { (circuit, $0) }
    if case .call(let call) = use { calls.note(circuit, isBelieved: call.sender.isBelieved) }
    if use == nil { circuitDeadlines.cancel(circuit.slot) }
  }

  /// Returns what is known of an accepted circuit; `nil` for a dialled one.
  func call(_ circuit: CircuitIdentifier) -> Call? {
    if case .call(let call) = use(of: circuit) { call } else { nil }
  }

  /// Returns the peer that dialled an accepted circuit, as far as that is known. This host itself is one, too.
  func caller(_ sender: Sender) -> PeerSlots.Index? {
    switch sender {
    case .claimed(let address, _), .admitted(let address, _, _): peers.find(address)
    case .selfCall: peers.find(OverlayNetwork.tor.circuitResponder)
    case .unknown, .refused: nil
    }
  }

  /// Returns the only source address that packets on a circuit may have; `nil` if none may come.
  func source(of circuit: CircuitIdentifier) -> IPv6Address? {
    switch use(of: circuit) {
    case .lane(let peer, _), .successor(let peer): peers[peer].source
    case .call(let call): call.sender.admittedAddress
    case .question, .lookUp, .ownLookUp, nil: nil
    }
  }

  /// Returns the number of the account by which a circuit's peer shares ceilings with others: its own, or that of all
  /// callers who are not believed. Of these, those who claim to be a certain configured peer have one of their own, so
  /// that a crowd of strangers does not keep that peer from proving who it is.
  func account(of circuit: CircuitIdentifier, _ names: borrowing NameTable) -> Int {
    switch use(of: circuit) {
    case .lane(let peer, _), .successor(let peer): return peer.number + 1
    case .call(let call):
      guard let peer = caller(call.sender) else { return 0 }
      if call.sender.isBelieved { return peer.number + 1 }
      return names.isKnown(peers[peer].address) ? -(peer.number + 1) : 0
    case .question, .lookUp, .ownLookUp, nil: return 0
    }
  }

  /// Returns the address that the sender of a circuit claims to have, whether or not that is proven; `nil` if there is
  /// none.
  func claimant(of circuit: CircuitIdentifier) -> IPv6Address? {
    call(circuit).map { $0.sender.claimedAddress } ?? source(of: circuit)
  }

  /// Returns whether the peer with this address is there now: a circuit to it is open, or an accepted one of it was
  /// admitted.
  func isLive(_ address: IPv6Address) -> Bool {
    guard let peer = peers.find(address), !peers[peer].isSelf else { return false }
    return peers[peer].state == .up || proof(of: peer) != nil
  }

  // MARK: - Time

  /// The time at which `advance` has to be called next.
  var nextDeadline: Instant {
    let asked = min(
      peerDeadlines.earliest, circuitDeadlines.earliest, min(searches.nextDeadline, lookupCheck.nextStep))
    return min(asked, nextTorProbe, min(nextDials, nextSelection, nextTidying), selfCheck?.nextStep ?? .distantFuture)
  }

  /// Starts the table: it tries the SOCKS server, and dials the configured peers when that answers.
  mutating func start(out: inout Outbox, at now: Instant) {
    out.perform(.probeTor)
    nextTidying = now + PeerTable.tidyingInterval
  }

  /// Does what is due. It returns a circuit that has to be closed, and why; the caller closes it and calls again.
  mutating func advance(
    to now: Instant, names: inout NameTable, streams: inout Streams, out: inout Outbox
  ) -> (CircuitIdentifier, CircuitEnd)? {
    if PeerTable.take(&nextTorProbe, at: now) { out.perform(.probeTor) }
    if PeerTable.take(&nextDials, at: now) { dialWaiting(names: &names, streams: &streams, out: &out, at: now) }
    if PeerTable.take(&nextSelection, at: now) { selectStranger(names: &names, streams: &streams, out: &out, at: now) }
    if PeerTable.take(&nextTidying, at: now) {
      confirmNames(&names, at: now)
      tidy(at: now)
      names.prune(at: now)
    }
    stepSearches(names: &names, streams: &streams, out: &out, at: now)
    stepLookupCheck(streams: &streams, out: &out, at: now)
    if let check = selfCheck, check.nextStep <= now,
      let circuit = stepSelfCheck(names: &names, streams: &streams, out: &out, at: now)
    {
      return (circuit, .unneeded)
    }
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

  /// Schedules a check of a peer, unless an earlier one is scheduled.
  mutating func schedule(_ peer: PeerSlots.Index, at time: Instant) {
    peerDeadlines.schedule(peer.number, at: time)
  }

  /// Schedules a check of a circuit, unless an earlier one is scheduled.
  mutating func schedule(_ circuit: CircuitIdentifier, at time: Instant) {
    circuitDeadlines.schedule(circuit.slot, at: time)
  }

  /// Schedules the dials of configured peers that wait.
  mutating func scheduleDials(at time: Instant) { nextDials = min(nextDials, time) }

  /// Schedules the selection of a stranger.
  mutating func scheduleSelection(when time: Instant) { nextSelection = min(nextSelection, time) }

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
    case .connecting, .resolving: refuseLate(peer, names: names, streams: &streams, at: now)
    case .up:
      tendLiveness(of: peer, names: &names, streams: &streams, out: &out, at: now)
      tendChallenge(to: peer, streams: &streams, out: &out, at: now)
    }
  }

  /// Confirms the names of peers to which a circuit stands, and that have sent what was to come.
  private func confirmNames(_ names: inout NameTable, at now: Instant) {
    for peer in peers.indices where peers[peer].state == .up && peers[peer].unansweredSince == nil {
      if let name = peers[peer].name { names.stands(name, at: now) }
    }
  }

  private mutating func tidy(at now: Instant) {
    for peer in peers.indices {
      peers[peer].flows.releaseIfOver(at: now)
      guard peers[peer].isForgettable(at: now) else { continue }
      if peers[peer].incoming.isEmpty { forget(peer) } else { peers[peer].forgetDials() }
    }
    nextTidying = now + PeerTable.tidyingInterval
  }

  // MARK: - Tor

  /// Notes whether the SOCKS server takes connections. If it does again, configured peers are dialled.
  mutating func torProbed(
    isReachable: Bool, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard isReachable else { return torLost(out: &out, at: now) }
    guard tor != .reachable else { return }
    tor = .reachable
    out.perform(.torReachable(true))
    selfCheckTor(isReachable: true, out: &out, at: now)
    changeLookupCheck(at: now)
    for peer in peers.indices { peers[peer].forgive() }
    searches.forgetMisses()
    dialConfigured(names: &names, streams: &streams, out: &out, at: now)
  }

  /// Notes that the SOCKS server takes no connections.
  mutating func torLost(out: inout Outbox, at now: Instant) {
    nextTorProbe = min(nextTorProbe, now + PeerTable.torProbeInterval)
    guard tor != .unreachable else { return }
    tor = .unreachable
    hasExtendedErrors = false
    out.perform(.torReachable(false))
    selfCheckTor(isReachable: false, out: &out, at: now)
    changeLookupCheck(at: now)
  }
}
