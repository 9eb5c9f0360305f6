@testable import OverlayCore

/// What a node's machines hold, as tests look at it.
extension Node {
  var circuits: CircuitTable { _read { yield streams.circuits } }
  var store: PacketStore { _read { yield streams.store } }
  var cutPackets: CutPackets { streams.cutPackets }
  var reassemblyReserve: Int { streams.reassemblyReserve }
  var calls: AcceptedCircuits { peers.calls }
  var dials: DialQueue { peers.dials }
  var unknownTold: Set<IPv6Address> { refusals.unknownTold }
  var deadlineCount: Int { streams.deadlineCount + peers.peerDeadlines.count + peers.circuitDeadlines.count }

  /// The bytes that wait for a circuit, on it and in the bulk queue from which it takes.
  func waitingBytes(on circuit: CircuitIdentifier) -> Int {
    let bulk = circuits[circuit].bulk.map { streams.queues.bulks[$0.queue].queue.byteCount }
    return circuits[circuit].waitingBytes + (bulk ?? 0)
  }

  /// Whom a circuit was dialled to.
  func dialledPeer(of circuit: CircuitIdentifier) -> OnionName? {
    peers.use(of: circuit)?.dialledPeer.flatMap { peers.peers[$0].name }
  }

  /// The peer of this name; `nil` if there is none.
  func peer(_ name: OnionName) -> PeerSlots.Index? {
    peers.peers.find(name.address).flatMap { peers.peers[$0].name == name ? $0 : nil }
  }
}

extension NodeSettings {
  /// The settings of a node that leaves every field of a packet as it is, so that a test can compare it; routes that
  /// cannot be in a table together are none.
  init(
    name: OnionName, peers: [ConfiguredPeer], siblings: Set<IPv6Address> = [], dialsPeers: Bool = true,
    idle: Duration = .seconds(180), circuitsPerPeer: Int = 1, isOffloading: Bool = false, mtu: Int = 1_500,
    routes: [Route] = [], served: [IPPrefix] = [], carriesIPv4: Bool = false, ipv4Address: IPv4Address? = nil,
    egress: EgressLimit = .none, bounds: NodeBounds = NodeBounds()
  ) {
    let table = (try? RouteTable(routes: routes, served: served)) ?? RouteTable()
    self.init(
      name: name,
      policy: NodePolicy.trusting(
        peers: peers, table: table, idle: idle, circuitsPerPeer: circuitsPerPeer, scrubs: false),
      siblings: siblings, dialsPeers: dialsPeers, isOffloading: isOffloading, mtu: mtu, carriesIPv4: carriesIPv4,
      ipv4Address: ipv4Address, egress: egress, bounds: bounds)
  }
}
