/// A circuit is a TCP stream through Tor that carries packets. It knows nothing of who is at its other end.
///
/// A side sends only on circuits that it dialled. It receives on those that it accepted, and on dialled ones too: some
/// peers answer where they are spoken to.
struct Circuit: ~Copyable {
  /// Which side began the circuit, and how far it has come.
  enum State {
    /// Dialled: the SOCKS server is being connected, and is then asked for this.
    case connecting(SOCKS4aRequest)
    /// Dialled: Tor builds the circuit, and has answered so far.
    case requested(SOCKS4aReply)
    /// Dialled and granted: packets may be sent.
    case open
    /// Accepted by the listener.
    case accepted
  }

  /// The least and the most that one write batch takes, in bytes.
  static let batchSizes = (16 << 10)...(256 << 10)

  /// How far it has come.
  var state: State
  /// How much it is worth to its owner, who decides which circuit makes room for another.
  var standing = Standing.unproven
  /// What it carries: how long its queue may stand follows from that.
  var service: CircuitService
  /// What must be sent before any packet of the queue.
  var preamble: [UInt8] = []
  /// The packets that wait to be sent.
  var queue = FlowQueue()
  /// How much went over it.
  var traffic = Traffic()
  /// How fast it takes bytes.
  var rate = DrainRate()
  /// Finds packets in what is received.
  var defragmenter = Defragmenter()
  /// Whether it is read in pauses.
  var coalescing = ReadCoalescing()
  /// When it was dialled or accepted.
  let began: Instant
  /// How long Tor may take to grant it.
  let timeout: Duration
  /// When a whole packet was last received. Bytes alone do not count, or a dribble would keep a circuit for ever.
  var lastReceived: Instant
  /// When a packet was last queued to be sent.
  var lastSent: Instant
  /// When the kernel last took bytes, or there was nothing for it to take.
  var lastProgress: Instant
  /// Whether the shell has been told that there is something to send.
  var isFlushRequested = false
  // How many bytes the next write batch takes: more where the circuit takes all, few where it does not, so that a sparse
  // flow need not wait behind them.
  private var batchSize = Circuit.batchSizes.lowerBound

  /// A circuit that begins now.
  init(_ state: State, _ service: CircuitService, timeout: Duration, at now: Instant) {
    self.state = state
    self.service = service
    self.timeout = timeout
    began = now
    lastReceived = now
    lastSent = now
    lastProgress = now
  }

  /// Whether packets may be sent on it.
  var isOpen: Bool { if case .open = state { true } else { false } }

  /// Whether it was dialled and is not granted yet.
  var isBeingBuilt: Bool {
    switch state {
    case .connecting, .requested: true
    case .open, .accepted: false
    }
  }

  /// When something last came or went.
  var lastUsed: Instant { max(lastSent, lastReceived) }

  /// What a SOCKS server has said of a circuit.
  enum Reply {
    /// Nothing: packets come.
    case none
    /// Not all of it yet.
    case incomplete
    /// The circuit stands.
    case granted
    /// It does not, or this is no SOCKS server.
    case refused(String)
  }

  /// Takes what a SOCKS server says off the front of `input`.
  mutating func takeReply(_ input: inout UnsafeMutableRawBufferPointer) -> Reply {
    guard case .requested(var reply) = state else { return .none }
    var rest = UnsafeRawBufferPointer(input)
    do {
      guard try reply.consume(&rest) else {
        state = .requested(reply)
        return .incomplete
      }
      // What is left of the request would go out behind the first packet, or never: nobody knows what was granted.
      guard preamble.isEmpty else { throw SOCKSError.early }
    } catch {
      return .refused("\(error)")
    }
    input = UnsafeMutableRawBufferPointer(rebasing: input.suffix(rest.count))
    return .granted
  }

  /// Carries packets from now on: `greeting` goes before them.
  mutating func opens(with greeting: [UInt8], at now: Instant) {
    state = .open
    preamble = greeting
    lastSent = now
    lastProgress = now
  }

  /// Moves as many packets into the write batch as one write takes. It returns what became of packets that were not sent.
  mutating func fillBatch(at now: Instant, store: inout PacketStore) -> FlowQueue.Losses {
    let least = service.pace
    let target = max(least.target, rate.time(for: 2 * FlowQueue.quantum, at: now))
    queue.fillBatch(
      bytes: batchSize, packets: WriteRuns.batchPackets, at: now,
      pace: ControlledDelay.Pace(target: target, interval: max(least.interval, target * 2)), store: &store)
    let losses = queue.losses
    queue.losses = FlowQueue.Losses()
    return losses
  }

  /// Takes note of a write that took so many of the bytes that were offered.
  mutating func wrote(_ taken: Int, of offered: Int, at now: Instant) {
    let isBlocked = taken < offered
    if taken > 0 { lastProgress = now }
    rate.took(taken, isBlocked: isBlocked, at: now)
    // What Tor is asked for reaches no peer.
    if isOpen { traffic.sent &+= UInt64(clamping: taken) }
    batchSize =
      isBlocked
      ? max(Circuit.batchSizes.lowerBound, min(batchSize, taken))
      : min(Circuit.batchSizes.upperBound, batchSize * 2)
  }

  /// How a packet is to be cut for this circuit now. A peer that takes super-packets is sent IPv6 ones uncut, as long as
  /// the circuit is fast enough.
  func segmentation(
    of packet: PacketView, _ offload: OffloadHeader, takesSuperPackets: Bool, at now: Instant
  ) -> OffloadHeader.Segmentation {
    guard case .tcp(let size, let hasECN) = offload.segmentation, isOpen, takesSuperPackets, !packet.isIPv4,
      Int(offload.headerLength(of: packet.bytes)) + Int(size) >= Streams.superSegment
    else { return offload.segmentation }
    guard let rate = rate.bytesPerSecond(at: now) else { return .none }
    let most = Int(rate * Streams.frameTime.seconds)
    guard packet.bytes.count > most else { return .none }
    // Packets of several segments each: as many as fit.
    let together = max(1, most / max(Int(size), 1)) * Int(size)
    return .tcp(size: UInt16(clamping: min(together, packet.bytes.count)), hasECN: hasECN)
  }
}

/// What a circuit carries.
enum CircuitService {
  /// Sparse flows, which wait for nothing.
  case sparse
  /// Bulk alone.
  case bulk

  /// How long its queue may stand. Where sparse flows share it, that is short. Where nobody but bulk waits, it is about a
  /// round trip of an onion circuit, so that a flow that has just slowed down still fills it.
  var pace: ControlledDelay.Pace {
    switch self {
    case .sparse: ControlledDelay.Pace(target: .milliseconds(5), interval: .milliseconds(100))
    case .bulk: ControlledDelay.Pace(target: .milliseconds(100), interval: .seconds(1))
    }
  }
}

/// What is known of whoever is at the other end of a circuit: who is worth less makes room first.
enum Standing: Int, CaseIterable {
  /// It has brought no packet that was let in.
  case unproven
  /// It has brought one, from whoever it claims or was dialled to be.
  case stranger
  /// It claims to be a peer that the operator configured, or was dialled to one. A claim is no proof, but who makes it must
  /// know the name.
  case known
}
