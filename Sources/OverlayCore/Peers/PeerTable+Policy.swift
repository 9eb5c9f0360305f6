/// The operator's settings of peers, and their changes while the node runs.
extension PeerTable {
  /// Adds a configured peer, to which a circuit is kept.
  mutating func configure(_ name: OnionName) {
    let peer = findOrInsert(name.address, name)
    peers[peer].configure(name)
    if !configured.contains(peer) { configured.append(peer) }
  }

  /// Keeps only these peers configured. The circuits of others end when they are idle.
  mutating func keepConfigured(_ names: [OnionName]) {
    let kept = Set(names)
    for peer in configured where peers[peer].name.map({ !kept.contains($0) }) ?? true { peers[peer].unconfigure() }
    configured = configured.filter { peers[$0].isPermanent }
  }

  /// Sets the addresses of all identities of this host.
  mutating func siblingsChanged(to addresses: Set<IPv6Address>) { policy.siblings = addresses }

  /// Changes what is asked of the lookup service, from the next question on, and whether this host is found by it.
  mutating func change(lookup: LookupMode, at now: Instant) {
    guard lookup != policy.lookup else { return }
    policy.lookup = lookup
    searches.forgetMisses()
    searches.asksLookupService = lookup != .off
    changeLookupCheck(at: now)
  }

  /// Changes what callers have to prove. Circuits that stand are judged anew.
  mutating func change(
    authentication: Authentication, of others: [OnionName: Authentication], names: inout NameTable,
    streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard (authentication, others) != (policy.authentication, policy.authentications) else { return }
    (policy.authentication, policy.authentications) = (authentication, others)
    judgeCalls(names: &names, streams: &streams, out: &out, at: now)
  }

  /// Changes the idle time of circuits and the number of circuits of a peer, and then dials configured peers.
  mutating func change(
    idle: Duration, circuitsPerPeer: Int, names: inout NameTable, streams: inout Streams, out: inout Outbox,
    at now: Instant
  ) {
    (policy.idle, policy.circuitsPerPeer) = (idle, circuitsPerPeer)
    for circuit in streams.circuits.identifiers { schedule(circuit, at: now) }
    for peer in peers.indices where peers[peer].hasCircuit {
      makeBulkLanes(for: peer)
      closeBulkLanes(of: peer, from: circuitsPerPeer - 1, names: &names, streams: &streams, out: &out, at: now)
    }
    dialConfigured(names: &names, streams: &streams, out: &out, at: now)
  }

  /// Dials the configured peers that there is no circuit to. While nobody knows whether Tor is there, its answer does.
  mutating func dialConfigured(
    names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard tor == .reachable else { return }
    for peer in configured { redial(peer, names: &names, streams: &streams, out: &out, at: now) }
  }

  /// Makes lanes for bulk, as many as a peer may have.
  mutating func makeBulkLanes(for peer: PeerSlots.Index) {
    while peers[peer].bulk.count < policy.circuitsPerPeer - 1 {
      peers[peer].bulk.append(Lane(user: UserIdentifier(using: &random)))
    }
  }
}

/// The settings of a peer table.
struct PeerPolicy {
  /// This host's own name.
  let name: OnionName
  /// The addresses of all identities of this host, which no caller may claim.
  var siblings: Set<IPv6Address>
  /// The port of the onion service of every host of the overlay.
  let servicePort: UInt16
  /// The capabilities that this host tells its peers.
  let capabilities: Capabilities
  /// The time after which an idle circuit is closed.
  var idle: Duration
  /// The greatest number of circuits to a peer: one for sparse flows, the others for bulk.
  var circuitsPerPeer: Int
  /// What callers have to prove.
  var authentication: Authentication
  /// What these have to prove instead.
  var authentications: [OnionName: Authentication]
  /// What is asked of Tor's directory, and served there.
  var lookup: LookupMode
  /// The mean time between two checks whether this host is found by its address.
  let lookupInterval: Duration
  /// Whether Tor serves this host's lookup names at the daemon's word, and not by torrc.
  let tellsTor: Bool
  /// Whether Tor says first which circuit of its own an accepted circuit came through.
  let isToldTorCircuits: Bool
  /// Whether this is the first identity of its host, which checks its service at once.
  let isFirst: Bool
  /// Whether this host's own service is dialled, to find out whether others can reach it.
  let checksSelf: Bool
  /// The bounds of what others can make the node take.
  let bounds: NodeBounds
}

/// A peer that the operator named: dialled at start, and always again.
public struct ConfiguredPeer: Hashable, Sendable {
  /// The onion name of the peer.
  public let name: OnionName
  /// The operator's name for the peer, if there is one.
  public let petname: Petname?

  /// Makes a configured peer.
  public init(name: OnionName, petname: Petname? = nil) {
    self.name = name
    self.petname = petname
  }

  /// Returns the label for the log of the peer with this index in the operator's list.
  public func label(_ index: Int) -> String { petname.map { "peer \($0)" } ?? "peer number \(index + 1)" }
}
