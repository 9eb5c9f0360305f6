/// A TCP stream through Tor that carries packets, with all that is known of it.
///
/// A side sends only on circuits that it dialled. It receives on those that it accepted, and on dialled ones too: some
/// peers answer where they are spoken to.
struct Circuit: ~Copyable {
  /// Which side began the circuit, and how far it has come.
  enum State {
    /// Dialled to a peer: the SOCKS server is being connected.
    case connecting(OnionName)
    /// Dialled to a peer: Tor builds the circuit.
    case requested(OnionName, SOCKS4aReply)
    /// Dialled to a peer and granted.
    case open(OnionName)
    /// Accepted by the listener, from whoever it claims to be.
    case accepted(Claim)
  }

  /// Who an accepted circuit says it comes from: its first packet tells, for good.
  enum Claim: Equatable {
    /// Nothing has been said.
    case none
    /// A nameless peer, known by its source address.
    case address(IPv6Address)
    /// A peer that said its name.
    case name(OnionName)
    /// Ourselves: the other end of a circuit that we dialled to our own service.
    case selfCall
  }

  /// What is settled at the least.
  static let smallestQuota = 16 << 10
  /// What is settled at the most.
  static let largestQuota = 256 << 10

  /// How far it has come.
  var state: State
  /// Whose packets may come over it; `nil` while that is not known, or where it may carry none.
  var sender: IPv6Address?
  /// What is known of whoever is at its other end.
  var standing = Standing.unproven
  /// Whether its sender was dialled when it was a stranger's turn.
  var hasHadTurn = false
  /// Whether its standing has earned it a place among the accepted circuits that it has not got yet.
  var isWithoutPlace = false
  /// What must be sent before any packet of the queue.
  var preamble: [UInt8] = []
  /// Which of the circuits to its peer it is: the one for sparse flows, or one of those for bulk, of which one takes the
  /// former's place when that is lost.
  var lane: Int
  /// Packets that wait for the circuit to be granted.
  var waiting = PacketQueue()
  /// Packets that wait to be sent.
  var queue = FlowQueue()
  /// Whether its peer takes TCP super-packets.
  var takesSuperPackets = false
  /// How much went over it.
  var traffic = Traffic()
  /// How fast it takes bytes.
  var rate = DrainRate()
  /// How many bytes are settled for one write: more where the circuit takes all, little where it does not, so that a
  /// sparse flow need not wait behind what is settled.
  var quota = Circuit.smallestQuota
  /// On the sparse lane: the open circuits for bulk, by lane.
  var bulk: [CircuitIdentifier?] = []
  /// On the sparse lane: which flow goes where.
  var flows = FlowTable()
  /// On the sparse lane: when one of the flows that wait for a circuit for bulk may look for one again.
  var nextLaneLook = Instant(nanoseconds: 0)
  /// Finds packets in what is received.
  var defragmenter = Defragmenter()
  /// Whether it is read in turns.
  var turns = ReadingTurns()
  /// When it was dialled or accepted.
  let began: Instant
  /// When a whole packet was last received; bytes alone do not count, or a dribble would keep a circuit for ever.
  var lastReceived: Instant
  /// When a packet was last queued to be sent.
  var lastSent: Instant
  /// When the kernel last took bytes, or there was nothing for it to take.
  var lastProgress: Instant
  /// On the sparse lane: since when something was sent to the peer on any lane and nothing came from it on any circuit;
  /// `nil` if nothing was sent since.
  var unansweredSince: Instant?
  /// On the sparse lane: when something last came from the peer on any circuit.
  var lastHeard: Instant
  /// On the sparse lane: whether a second circuit stands and takes this one's place as soon as something comes.
  var awaitsSignOfLife = false
  /// When it asks to be looked at.
  var alarm = Alarm()
  /// On the sparse lane: when it asks to have a look whether the peer is still there.
  var livenessAlarm = Alarm()
  /// Whether the shell has been told that there is something to send.
  var isFlushRequested = false
  /// The random bytes by which a circuit to ourselves is recognised; empty for any other.
  let selfCallToken: [UInt8]
  /// The 20 bits that our keepalives on this circuit carry.
  let flowLabel: UInt32

  /// A circuit that begins now.
  init(
    _ state: State, lane: Int = FlowTable.sparseLane, at now: Instant, selfCallToken: [UInt8] = [],
    flowLabel: UInt32 = 0
  ) {
    self.state = state
    self.lane = lane
    self.selfCallToken = selfCallToken
    self.flowLabel = flowLabel
    switch state {
    case .connecting(let peer), .requested(let peer, _), .open(let peer): sender = peer.address
    case .accepted: sender = nil
    }
    began = now
    lastReceived = now
    lastHeard = now
    lastSent = now
    lastProgress = now
  }

  /// Whether we may send packets on it.
  var isOpen: Bool {
    if case .open = state { true } else { false }
  }

  /// The peer that was dialled; `nil` for an accepted circuit.
  var dialledPeer: OnionName? {
    switch state {
    case .connecting(let peer), .requested(let peer, _), .open(let peer): peer
    case .accepted: nil
    }
  }
}
