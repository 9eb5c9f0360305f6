/// One host of the overlay: what it does with every packet, circuit and moment, as a state machine that touches nothing.
/// Events go in, packets for this host leave through the device of the turn, and what is to be done with sockets waits in
/// `nextAction`.
///
/// The node wires its machines and nothing else: each has its own state, and its own `nextDeadline` and `advance`.
/// `Node+Sending` is the way of a packet from the device to a circuit, `Node+Receiving` the way back, and `Node+Policy`
/// what is changed while the node runs.
public struct Node: ~Copyable {
  var settings: NodeSettings
  var router: Router
  var admission: Admission
  var names: NameTable
  var peers: PeerTable
  var streams: Streams
  var delivery: Delivery
  let services: LocalServices
  var refusals = Refusals()
  var out = Outbox()

  /// A node that has done nothing yet.
  public init(_ settings: NodeSettings, random: any RandomNumberGenerator = SystemRandomNumberGenerator()) {
    let address = settings.name.address
    let bounds = settings.bounds
    self.settings = settings
    names = NameTable(
      besides: settings.onThisSide, unreachedLimit: bounds.unreachedNames, reachedLimit: bounds.reachedNames)
    peers = PeerTable(settings.peerPolicy, random: random)
    streams = Streams(packetBytes: bounds.packetBytes, reassemblyBytes: bounds.reassemblyBytes)
    delivery = Delivery(mtu: settings.mtu, egress: settings.egress, isOffloading: settings.isOffloading)
    services = LocalServices(own: address)
    let configuration = NodeConfiguration(settings.policy, onThisSide: settings.onThisSide)
    router = Router(address: address, ipv4Address: settings.ipv4Address, table: configuration.table)
    admission = Admission(address: address, ipv4Address: settings.ipv4Address, table: configuration.table)
    _ = names.replaceConfiguration(with: configuration.names)
    guard settings.dialsPeers else { return }
    for (label, peer) in configuration.peers { peers.configure(peer.name, label: label) }
  }

  // MARK: - What it tells

  /// What has happened so far.
  public var counters: Counters { out.counters }

  /// The next thing to be done; `nil` when all is.
  public mutating func nextAction() -> NodeAction? { out.next() }

  /// When `advance` has to be called next; the distant future if nothing waits for a time.
  public var nextDeadline: Instant { min(streams.nextDeadline, peers.nextDeadline) }

  /// Whether packets had better stay in the device for now.
  public var hasBackpressure: Bool { streams.backpressureCircuit != nil }

  /// Whether the circuit's socket is to be read in pauses (`ReadCoalescing`).
  public func coalescesReads(of circuit: CircuitIdentifier) -> Bool {
    streams.contains(circuit) && streams[circuit].coalescing.isActive
  }

  /// Whether a peer with this overlay address is there now: a circuit to it is open, or one that claims to be its was
  /// accepted.
  public func isLive(_ address: IPv6Address) -> Bool { peers.isLive(address) }

  /// What the node is like now. Looks at every peer.
  public func status(at now: Instant) -> NodeStatus {
    let (shown, others) = peers.status(in: streams, at: now)
    return NodeStatus(
      name: settings.name, knownNames: names.count, tor: peers.tor, peers: shown, otherPeers: others,
      acceptedCircuits: peers.calls.count, counters: out.counters)
  }

  // MARK: - What happens

  /// Begins: looks for Tor, whose answer dials the configured peers.
  public mutating func start<Device: PacketDevice & ~Copyable>(turn: inout Turn<Device>) {
    streams.start(at: turn.now)
    peers.start(out: &out, at: turn.now)
  }

  /// Does what is due.
  public mutating func advance<Device: PacketDevice & ~Copyable>(turn: inout Turn<Device>) {
    while let (circuit, end) = streams.advance(to: turn.now, out: &out) { close(circuit, end, turn: &turn) }
    while let (circuit, end) = peers.advance(to: turn.now, names: &names, streams: &streams, out: &out) {
      close(circuit, end, turn: &turn)
    }
  }

  /// Tells whether the SOCKS server takes connections.
  public mutating func torProbed<Device: PacketDevice & ~Copyable>(isReachable: Bool, turn: inout Turn<Device>) {
    peers.torProbed(isReachable: isReachable, names: &names, streams: &streams, out: &out, at: turn.now)
  }

  /// Somebody called our onion service; `nil` if no more circuits are wanted.
  public mutating func accepted<Device: PacketDevice & ~Copyable>(turn: inout Turn<Device>) -> CircuitIdentifier? {
    peers.accepted(names: &names, streams: &streams, out: &out, at: turn.now)
  }

  /// The SOCKS server took the connection of this circuit.
  public mutating func connected(_ circuit: CircuitIdentifier) {
    streams.connected(circuit, out: &out)
  }

  /// The circuit's socket is closed.
  public mutating func ended<Device: PacketDevice & ~Copyable>(
    _ circuit: CircuitIdentifier, _ end: CircuitEnd, turn: inout Turn<Device>
  ) {
    var lost = peers.ended(circuit, end, names: &names, streams: &streams, out: &out, at: turn.now)
    while let slot = streams.takeFirst(of: &lost) {
      out.counters[.lostWithCircuit] += 1
      if let packet = streams.packet(in: slot) {
        refusals.refuse(packet, .addressUnreachable, through: delivery, out: &out, turn: &turn)
      }
      streams.takeBack(slot)
    }
  }

  /// Ends a circuit of our own accord.
  mutating func close<Device: PacketDevice & ~Copyable>(
    _ circuit: CircuitIdentifier, _ end: CircuitEnd, turn: inout Turn<Device>
  ) {
    out.perform(.close(circuit))
    ended(circuit, end, turn: &turn)
  }

  /// Hands what waits on the circuit to `write`, in order, in at most `WriteRuns.limit` runs of bytes. `write` returns how
  /// many bytes it took. The result is whether more is left, so that it is worth to wait until the socket takes more.
  public mutating func transmit<Device: PacketDevice & ~Copyable>(
    _ circuit: CircuitIdentifier, turn: borrowing Turn<Device>,
    using write: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Int
  ) -> Bool {
    streams.transmit(circuit, out: &out, at: turn.now, using: write)
  }

  /// Somebody behind this host asks for `address`: begins to dial the peer that has it, or that it is behind of, if
  /// there is no circuit to that peer, and it may be dialled as for a packet.
  public mutating func want<Device: PacketDevice & ~Copyable>(_ address: IPv6Address, turn: inout Turn<Device>) {
    guard let peer = peer(of: address), let name = names.name(of: peer) else { return }
    if peers.way(to: peer, names: &names, streams: &streams, out: &out, at: turn.now) == nil {
      peers.hasten(name, at: turn.now)
    }
  }

  /// The device carries packets of so many bytes from now on.
  public mutating func mtuChanged(to bytes: Int) {
    delivery.mtuChanged(to: bytes)
  }
}
