/// A node is one host of the overlay, as a state machine that opens nothing and reads no clock. Events go in; packets
/// for this host leave through the device of the turn; `nextAction` tells what has to be done with sockets.
///
/// The node wires its machines and nothing else. Each machine has its own state, `nextDeadline` and `advance`.
/// `Node+Sending` is the way of a packet from the device to a circuit, `Node+Receiving` is the way back, and
/// `Node+Policy` changes the policy while the node runs.
public struct Node: ~Copyable {
  var settings: NodeSettings
  var router: Router
  var admission: Admission
  var names: NameTable
  var peers: PeerTable
  var streams: Streams
  var delivery: Delivery
  var services: LocalServices
  var scrubber: Scrubber
  var door: Door
  var refusals = Refusals()
  var refusedInput = RefusedInput()
  var out = Outbox()

  /// Makes a node that has done nothing yet.
  public init(_ settings: NodeSettings, random: any RandomNumberGenerator = SystemRandomNumberGenerator()) {
    let address = settings.name.address
    let bounds = settings.bounds
    self.settings = settings
    var numbers = random
    scrubber = Scrubber(random: &numbers)
    names = NameTable(
      besides: settings.onThisSide, unreachedLimit: bounds.unreachedNames, reachedLimit: bounds.reachedNames)
    peers = PeerTable(settings.peerPolicy, random: random)
    streams = Streams(
      packetBytes: bounds.packetBytes, reassemblyBytes: bounds.reassemblyBytes, orderBytes: bounds.orderBytes,
      seed: numbers.next())
    delivery = Delivery(mtu: settings.mtu, egress: settings.egress, isOffloading: settings.isOffloading)
    services = LocalServices(own: address)
    let configuration = NodeConfiguration(settings.policy, onThisSide: settings.onThisSide)
    router = Router(address: address, ipv4Address: settings.ipv4Address, table: configuration.table)
    admission = Admission(address: address, ipv4Address: settings.ipv4Address, table: configuration.table)
    door = Door(settings.policy.door, flowLimit: bounds.flows, seed: numbers.next())
    streams.change(to: settings.policy.rates, at: Instant(nanoseconds: 0))
    _ = names.replaceConfiguration(with: configuration.names)
    peers.keep(toGroup: configuration.group)
    peers.use(labels: configuration.labels)
    guard settings.dialsPeers else { return }
    for peer in configuration.peers { peers.configure(peer.name) }
  }

  // MARK: - What it tells

  /// The number of times that each thing has happened.
  public var counters: Counters { out.counters }

  /// Removes the next action and returns it; `nil` if there is none.
  public mutating func nextAction() -> NodeAction? { out.next() }

  /// The time at which `advance` has to be called next; the distant future if nothing waits for a time.
  public var nextDeadline: Instant { min(streams.nextDeadline, peers.nextDeadline, door.nextDeadline) }

  /// Whether packets should stay in the device for now (`Backpressure`).
  public var hasBackpressure: Bool { streams.hasBackpressure }

  /// Whether `readAllowance` has to be asked before each read of a circuit's socket.
  public var limitsReading: Bool { streams.limitsReading }

  /// Returns how many bytes may be read from the circuit's socket now. If none may, it is to be left alone until
  /// `NodeAction.read`. What was read, even if it is nothing, goes to `receive`.
  public mutating func readAllowance<Device: PacketDevice & ~Copyable>(
    of circuit: CircuitIdentifier, turn: borrowing Turn<Device>
  ) -> Int {
    streams.allowance(of: circuit, peers.account(of: circuit, names), out: &out, at: turn.now)
  }

  /// Returns whether the circuit's socket has to be read in pauses (`ReadCoalescing`).
  public func coalescesReads(of circuit: CircuitIdentifier) -> Bool {
    streams.contains(circuit) && streams[circuit].coalescing.isActive
  }

  /// Returns whether the peer with this overlay address is there now: a circuit to it is open, or an accepted one
  /// claims to be of it.
  public func isLive(_ address: IPv6Address) -> Bool { peers.isLive(address) }

  /// Whether others can reach this host.
  public var readiness: Readiness { peers.readiness }

  /// Returns the status of the node. It looks at every peer.
  public func status(at now: Instant) -> NodeStatus {
    let (shown, others) = peers.status(in: streams, petnames: settings.policy.petnames, at: now)
    return NodeStatus(
      name: settings.name, knownNames: names.count, tor: peers.tor, readiness: peers.readiness,
      lookup: peers.lookupFinding, peers: shown, otherPeers: others,
      acceptedCircuits: peers.callCount, counters: out.counters, figures: out.figures,
      circuits: streams.census, traffic: streams.traffic, order: streams.orderStatus, door: door.status)
  }

  // MARK: - What happens

  /// Starts the node: it tries the SOCKS server, and dials the configured peers when that answers.
  public mutating func start<Device: PacketDevice & ~Copyable>(turn: inout Turn<Device>) {
    streams.start(at: turn.now)
    peers.start(out: &out, at: turn.now)
  }

  /// Does what is due.
  public mutating func advance<Device: PacketDevice & ~Copyable>(turn: inout Turn<Device>) {
    door.advance(to: turn.now)
    while let (circuit, end) = streams.advance(to: turn.now, out: &out) { close(circuit, end, turn: &turn) }
    while let (circuit, end) = peers.advance(to: turn.now, names: &names, streams: &streams, out: &out) {
      close(circuit, end, turn: &turn)
    }
    deliverReleased(turn: &turn)
    flushDelivery(turn: &turn)
    admitWaiting(turn: &turn)
    tellUnresolved(turn: &turn)
  }

  /// Notes whether the SOCKS server takes connections.
  public mutating func torProbed<Device: PacketDevice & ~Copyable>(isReachable: Bool, turn: inout Turn<Device>) {
    peers.torProbed(isReachable: isReachable, names: &names, streams: &streams, out: &out, at: turn.now)
  }

  /// Notes what Tor tells of the publication of this host's onion service.
  public mutating func changed<Device: PacketDevice & ~Copyable>(
    _ publication: Publication, turn: inout Turn<Device>
  ) {
    peers.changed(publication, out: &out, at: turn.now)
  }

  /// Accepts a call of this host's onion service, which came at `time` if that was not just now. It returns `nil` if
  /// the call has to be refused.
  public mutating func accepted<Device: PacketDevice & ~Copyable>(
    since time: Instant? = nil, turn: inout Turn<Device>
  ) -> CircuitIdentifier? {
    peers.accepted(since: time ?? turn.now, names: &names, streams: &streams, out: &out, at: turn.now)
  }

  /// Notes that the SOCKS server has taken the connection of this circuit.
  public mutating func connected(_ circuit: CircuitIdentifier) {
    streams.connected(circuit, out: &out)
  }

  /// Notes that the circuit's socket is closed.
  public mutating func ended<Device: PacketDevice & ~Copyable>(
    _ circuit: CircuitIdentifier, _ end: CircuitEnd, turn: inout Turn<Device>
  ) {
    let lost = peers.ended(circuit, end, names: &names, streams: &streams, out: &out, at: turn.now)
    refuse(lost, as: .lostWithCircuit, turn: &turn)
    peers.stepSearches(names: &names, streams: &streams, out: &out, at: turn.now)
    tellUnresolved(turn: &turn)
  }

  /// Tells the senders of packets that are lost.
  private mutating func refuse<Device: PacketDevice & ~Copyable>(
    _ lost: PacketQueue, as counter: Counter, turn: inout Turn<Device>
  ) {
    var lost = lost
    while let slot = streams.takeFirst(of: &lost) {
      out.counters[counter] += 1
      if let packet = streams.packet(in: slot) {
        refusals.refuse(packet, .addressUnreachable, through: delivery, out: &out, turn: &turn)
      }
      streams.takeBack(slot)
    }
  }

  /// Tells the senders of packets for addresses whose names were not found.
  mutating func tellUnresolved<Device: PacketDevice & ~Copyable>(turn: inout Turn<Device>) {
    while let lost = peers.takeUnresolved() { refuse(lost, as: .unknownName, turn: &turn) }
  }

  /// Closes a circuit, and tells the senders of packets that are lost with it.
  mutating func close<Device: PacketDevice & ~Copyable>(
    _ circuit: CircuitIdentifier, _ end: CircuitEnd, turn: inout Turn<Device>
  ) {
    out.perform(.close(circuit))
    ended(circuit, end, turn: &turn)
  }

  /// Hands the packets that wait on the circuit to `write`, in order, in at most `WriteRuns.limit` runs of bytes.
  /// `write` returns the number of bytes that it took. The result is whether more is left, so that the caller should
  /// wait until the socket takes more.
  public mutating func transmit<Device: PacketDevice & ~Copyable>(
    _ circuit: CircuitIdentifier, turn: borrowing Turn<Device>,
    using write: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Int
  ) -> Bool {
    let account = streams.limitsSending ? peers.account(of: circuit, names) : 0
    return streams.transmit(circuit, account, out: &out, at: turn.now, using: write)
  }

  /// Begins to dial the peer that has `address`, or that it is behind, because a host behind this one looks for the
  /// address. It does nothing if there is a circuit, or if a packet could not dial the peer either.
  public mutating func want<Device: PacketDevice & ~Copyable>(_ address: IPv6Address, turn: inout Turn<Device>) {
    guard let peer = peer(of: address) else { return }
    guard let name = names.diallable(at: peer, turn.now) else {
      _ = peers.search(for: peer, names: &names, streams: &streams, out: &out, at: turn.now)
      return tellUnresolved(turn: &turn)
    }
    if peers.way(to: peer, names: &names, streams: &streams, out: &out, at: turn.now) == nil {
      peers.hasten(name, at: turn.now)
      _ = peers.search(insteadOf: name, names: &names, streams: &streams, out: &out, at: turn.now)
      tellUnresolved(turn: &turn)
    }
  }

  /// Sets the MTU of the device in bytes.
  public mutating func mtuChanged(to bytes: Int) {
    delivery.mtuChanged(to: bytes)
  }
}
