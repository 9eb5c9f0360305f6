/// One host of the overlay: what it does with every packet, circuit and moment, as a state machine that touches
/// nothing. Events and the time go in, packets for this host leave through the `device` that is passed along, and what is
/// to be done with sockets waits in `nextAction`.
///
/// The journey of a packet is told in this order: `Node+Device` routes what this host sends, `Node+Dialling` finds or
/// builds the circuit, `Node+Circuits` moves bytes, `Node+Admission` lets in what peers send, `Node+Time` ends what
/// has lasted too long.
public struct Node: ~Copyable {
  let settings: NodeSettings
  let router: Router
  let admission: Admission

  var circuits = CircuitTable()
  var store: PacketStore
  // Where what is written next is listed.
  let runs = WriteRuns(limit: Node.runLimit)
  var joiner = SegmentJoiner()
  // Whether what is received now has brought no packet yet that has to be delivered soon.
  var bringsBulkAlone = true
  // How many of its bytes are bulk: acknowledgements alone, which a fast flow in the other direction waits for, are none.
  var bulkBytes = 0
  var egressMTU: Int
  // The circuit that the device waits for.
  var congested: CircuitIdentifier?
  // The circuit, being built or open, that leads to an address: all that a packet in a running flow needs.
  var dialled: [IPv6Address: CircuitIdentifier] = [:]
  var lastDialled: (address: IPv6Address, circuit: CircuitIdentifier)?
  var peers: [OnionName: Peer] = [:]
  var names: NameTable
  var deadlines = DeadlineQueue()
  var torAlarm = Alarm()
  var deviceAlarm = Alarm()
  var moves: [LaneMove] = []
  var moveAlarm = Alarm()
  var tor = TorReachability.unknown
  // RFC 4443 section 2.4 (f) asks for a limit and recommends a token bucket.
  var unreachableLimit = TokenBucket(rate: 10, burst: 10)
  // Errors that a peer can cause have one of their own: neither kind starves the other.
  var peerErrorLimit = TokenBucket(rate: 10, burst: 10)
  // Dials that a stranger can cause, by a name that nobody was ever reached at: he sends a packet that this host answers.
  var strangerTurns: StrangerTurns
  var dialTurns: DialTurns
  var dialAlarm = Alarm()
  // Lines that a stranger can cause.
  var strangerLogLimit: TokenBucket
  // The addresses whose names are not known, as far as the log has told of them.
  var unknownTold: Set<IPv6Address> = []
  var unknownLogLimit = TokenBucket(rate: 1, burst: 20)
  // What the operator was warned of, once: strangers can cause it as well as this host's own set-up.
  var told = (proxyLine: false, ownName: false)
  var random: any RandomNumberGenerator

  private var actions: [NodeAction] = []
  private var firstAction = 0

  // The circuits that were accepted.
  var calls: AcceptedCircuits
  // What all defragmenters hold.
  var cutPackets: CutPackets

  /// What has happened so far.
  public internal(set) var counters = Counters()

  /// A node that has done nothing yet.
  public init(_ settings: NodeSettings, random: any RandomNumberGenerator = SystemRandomNumberGenerator()) {
    self.random = random
    self.settings = settings
    let bounds = settings.bounds
    store = PacketStore(byteLimit: bounds.packetBytes)
    dialTurns = DialTurns(limit: bounds.dials, rate: bounds.dialsPerSecond)
    calls = AcceptedCircuits(limit: bounds.circuits - bounds.circuits / 4)
    cutPackets = CutPackets(limit: bounds.reassemblyBytes)
    strangerTurns = StrangerTurns(perMinute: bounds.strangerDials)
    strangerLogLimit = TokenBucket(rate: Double(bounds.strangerLines) / 300, burst: Double(bounds.strangerLines))
    egressMTU = settings.mtu
    let address = settings.name.address
    // An address leads to one peer: of two configured names for it the first counts, and none for one of this host.
    let onThisSide = settings.siblings.contains(address) ? settings.siblings : settings.siblings.union([address])
    var names = NameTable(
      besides: onThisSide, unreachedLimit: bounds.unreachedNames, reachedLimit: bounds.reachedNames)
    var permanent: [(index: Int, peer: ConfiguredPeer)] = []
    for (index, configured) in settings.peers.enumerated() where names.mayHave(configured.name) {
      names.configure(configured.name)
      permanent.append((index, configured))
    }
    for route in settings.routes where names.mayHave(route.via) { names.configure(route.via) }
    let routes = settings.routes.filter { names.name(of: $0.via.address) == $0.via }
    let table = (try? RouteTable(routes: routes, served: settings.served)) ?? RouteTable()
    router = Router(address: address, ipv4Address: settings.ipv4Address, table: table)
    admission = Admission(address: address, ipv4Address: settings.ipv4Address, table: table)
    self.names = names
    for (index, configured) in permanent where settings.dialsPeers {
      peers[configured.name] = Peer(
        name: configured.name, label: configured.label(index), isPermanent: true, isSelf: false,
        userIdentifier: makeUserIdentifier(), pace: DialPace(shortestPause: DialPace.configuredPause))
    }
  }

  /// The next thing to be done; `nil` when all is.
  public mutating func nextAction() -> NodeAction? {
    guard firstAction < actions.count else {
      guard firstAction > 0 else { return nil }
      actions.removeAll(keepingCapacity: true)
      firstAction = 0
      return nil
    }
    firstAction += 1
    return actions[firstAction - 1]
  }

  /// When `advance` has to be called next; `nil` if nothing waits for a time.
  public var nextDeadline: Instant? { deadlines.earliest }

  /// Whether packets had better stay in the device for now.
  public var isDeviceToWait: Bool { congested != nil }

  /// The device carries packets of so many bytes from now on.
  public mutating func mtuChanged(to bytes: Int) {
    egressMTU = bytes
  }

  /// Begins: looks for Tor, whose answer dials the permanent peers.
  public mutating func start(at now: Instant) {
    perform(.probeTor)
    deadlines.insert(.tidying, at: now + Node.tidyingInterval)
  }

  /// A name for the streams of one peer: random, so that it keeps them apart from all others and says nothing of us.
  mutating func makeUserIdentifier() -> String {
    Base32.encode((0..<10).map { _ in random.next() })
  }

  /// Drops deadlines that will be found to be of no use, of circuits and peers that are gone or asked for another time,
  /// once they are many: they are bounded by circuits and peers, however often those change.
  mutating func forgetStaleDeadlines() {
    guard deadlines.count > 4 * (circuits.count + peers.count) + 64 else { return }
    var queue = DeadlineQueue()
    swap(&queue, &deadlines)
    queue.keep { time, subject in
      switch subject {
      case .circuit(let circuit): circuits.contains(circuit) && circuits[circuit].alarm.isSet(to: time)
      case .liveness(let circuit): circuits.contains(circuit) && circuits[circuit].livenessAlarm.isSet(to: time)
      case .peer(let name): peers[name]?.alarm.isSet(to: time) == true
      case .tor: torAlarm.isSet(to: time)
      case .dials: dialAlarm.isSet(to: time)
      case .moves: moveAlarm.isSet(to: time)
      case .device: deviceAlarm.isSet(to: time)
      case .tidying, .strangerTurn: true
      }
    }
    swap(&queue, &deadlines)
  }

  mutating func lookForTor(when time: Instant) {
    if torAlarm.set(to: time) { deadlines.insert(.tor, at: time) }
  }

  mutating func lookAgain(at circuit: CircuitIdentifier, when time: Instant) {
    if circuits[circuit].alarm.set(to: time) { deadlines.insert(.circuit(circuit), at: time) }
  }

  mutating func lookAgain(at peer: OnionName, when time: Instant) {
    if peers[peer]?.alarm.set(to: time) == true { deadlines.insert(.peer(peer), at: time) }
  }

  mutating func perform(_ action: NodeAction) {
    actions.append(action)
  }

  mutating func tell(_ event: NodeEvent) {
    actions.append(.tell(event))
  }
}
