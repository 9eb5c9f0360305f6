/// A circuit is a TCP stream through Tor that carries packets. It does not know who is at its other end.
///
/// A side sends only on circuits that it dialled. It receives on circuits that it accepted, and on dialled ones too,
/// because some peers answer on the circuit on which they were addressed.
struct Circuit: ~Copyable {
  /// The side that began the circuit, and how far the circuit has come.
  enum State {
    /// This host dialled it. The connection to the SOCKS server is being made, and this request follows.
    case connecting(SOCKS4aRequest)
    /// This host dialled it. Tor builds the circuit, and this much of its reply has come.
    case requested(SOCKS4aReply)
    /// The connection to the SOCKS server is being made, to ask why another circuit was refused.
    case connectingToAsk(SOCKS5Question)
    /// The SOCKS server is asked, and has answered this far.
    case asking(SOCKS5Question)
    /// This host dialled it, and Tor has granted it: packets may be sent.
    case open
    /// Somebody dialled it, and the listener accepted it. Tor says first which circuit it came through.
    case announced(TorCircuitLineReader)
    /// Somebody dialled it, and the listener accepted it: it brings packets.
    case accepted
  }

  /// The longest time that one packet may occupy a circuit. A longer packet is cut, so that others do not wait for it.
  static let frameTime = Duration.milliseconds(5)
  /// The greatest length of the packets that a super-packet is cut into where it arrives, and the smallest length of
  /// the segments of a super-packet that is sent, in bytes. A super-packet does not tell how long its segments were. So
  /// no piece is longer than a segment that the sender made, and the flow of a sender that has to keep below this
  /// length, because of its peer or of a link behind that, is cut here.
  static let superSegment = 1_500
  /// The number of bytes that an accepted circuit may bring before ceilings hold for it.
  static let greetingBytes = 2_048
  /// The range of the size of a write batch in bytes, as long as the circuit is not slow.
  static let batchSizes = (16 << 10)...(256 << 10)
  /// The size of the first write batch in bytes. Nobody knows yet how slow the circuit is.
  static let firstBatch = 4 << 10
  /// A circuit whose rate is not known is fast when it takes so much at once.
  private static let fastBatch = 64 << 10
  /// No circuit of Tor's carries as many bytes per second.
  private static let boundless = 20e6
  /// The longest time that a circuit needs for a write batch, unless that is a single packet, and for what the kernel
  /// holds of it: a packet that must not wait comes behind both.
  private static let batchTime = Duration.milliseconds(20)
  /// The range of the number of bytes that the kernel may hold and cannot send yet.
  private static let unsentLimits = 1...(16 << 10)
  /// The same number at first.
  static let firstUnsent = 4 << 10
  /// The time that its own queue may stand. It is short, because sparse flows share it.
  private static let queuePace = ControlledDelay.Pace(target: .milliseconds(5), interval: .milliseconds(100))

  /// The number of bytes that went over the circuit.
  var traffic: Traffic { meter.total }

  /// The state of the circuit.
  var state: State
  /// The worth of the circuit to its owner, who decides which circuit makes room for another.
  var standing = Standing.unproven
  /// The bytes that go out before any packet of the queue: the SOCKS request, or the first keepalive.
  var preamble: [UInt8] = []
  /// The packets that wait for this circuit. Those of bulk flows wait in their peer's `BulkQueue`.
  var queue = FlowQueue()
  /// The packets that are sent next, in their final order.
  var batch = WriteBatch()
  /// The bulk queue that it takes from; `nil` for none.
  var bulk: BulkLane?
  /// The bytes that went over the circuit.
  var meter = TrafficMeter()
  /// The rate at which the circuit takes bytes.
  var rate = DrainRate()
  /// The part that finds packets in the bytes that come in.
  var defragmenter = Defragmenter()
  /// The part that decides whether the circuit is read in pauses.
  var coalescing = ReadCoalescing()
  /// The time at which the circuit was dialled or accepted.
  let began: Instant
  /// The time that Tor may take to grant the circuit.
  var timeout: Duration
  /// The time at which the last whole packet came. Bytes alone do not count, or a trickle of them would keep a circuit
  /// for ever.
  var lastReceived: Instant
  /// The packet of which only a part is there.
  var partialPacket = PartialPacket()
  /// Whether it has brought a whole packet.
  var hasBroughtPacket = false
  /// The time at which a packet was last queued to be sent.
  var lastSent: Instant
  /// The time at which the kernel last took bytes, or had none to take.
  var lastProgress: Instant
  /// Whether the shell was asked to write, and has not done so yet.
  var isFlushRequested = false
  /// Whether the shell writes to it as soon as the socket takes something.
  var awaitsSocket = false
  /// Whether the kernel did not take all that it was offered last.
  private(set) var isBlocked = false
  // The size of the next write batch in bytes. It grows where the circuit takes all, and shrinks where it does not, so
  // that a sparse flow does not wait behind a long batch.
  private var batchSize = Circuit.firstBatch
  // The number of bytes that the kernel was told to hold at most.
  private var unsentLimit = Circuit.firstUnsent

  /// Makes a circuit that begins now.
  init(_ state: State, timeout: Duration, at now: Instant) {
    self.state = state
    self.timeout = timeout
    began = now
    lastReceived = now
    lastSent = now
    lastProgress = now
  }

  /// Whether packets may be sent on it.
  var isOpen: Bool { if case .open = state { true } else { false } }

  /// Whether this host dialled the circuit, and Tor has not granted it yet.
  var isBeingBuilt: Bool {
    switch state {
    case .connecting, .requested, .connectingToAsk, .asking: true
    case .open, .announced, .accepted: false
    }
  }

  /// The time at which a packet last came or was queued.
  var lastUsed: Instant { max(lastSent, lastReceived) }

  /// The number of bytes that an accepted circuit may bring yet before ceilings hold for it (`RateGate`): enough for a
  /// first keepalive, and none after a whole packet. Or whoever calls most would decide whether others can say who they
  /// are at all. The number of calls that are accepted in a second bounds it.
  var greetingRoom: Int {
    switch state {
    case .announced, .accepted: hasBroughtPacket ? 0 : max(0, Circuit.greetingBytes - Int(clamping: traffic.received))
    case .connecting, .requested, .connectingToAsk, .asking, .open: 0
    }
  }

  /// Opens the circuit for packets. `greeting` goes out before them.
  mutating func opens(with greeting: [UInt8], at now: Instant) {
    state = .open
    preamble = greeting
    lastSent = now
    lastProgress = now
  }

  /// Returns whether the circuit is faster than any of Tor's, as far as that is known: no other one would help it.
  func isBoundless(at now: Instant) -> Bool {
    rate.bytesPerSecond(at: now).map { $0 > Circuit.boundless } ?? (batchSize >= Circuit.fastBatch)
  }

  /// Whether it has nothing to send of its own.
  var isEmpty: Bool { queue.isEmpty && batch.isEmpty }
  /// The number of bytes that wait for this circuit.
  var waitingBytes: Int { queue.byteCount + batch.byteCount }

  /// Returns the most bytes that the write batch holds now.
  func batchLimit(at now: Instant) -> Int {
    guard let rate = rate.bytesPerSecond(at: now) else { return batchSize }
    return max(1, min(batchSize, Int(rate * Circuit.batchTime.seconds)))
  }

  /// Returns the size below which a batch does not shrink: what the circuit takes in `batchTime`, as far as is known. A
  /// slow circuit is one also when its rate has not been measured for a while.
  private func leastBatch(at now: Instant) -> Int {
    let known = rate.bytesPerSecond(at: now).map { max(1, Int(min($0, Circuit.boundless) * Circuit.batchTime.seconds)) }
    return min(known ?? batchSize, Circuit.batchSizes.lowerBound)
  }

  /// Returns the number of bytes that the kernel should hold at most from now on, if that has changed by much.
  mutating func changeOfUnsentLimit(at now: Instant) -> Int? {
    let range = Circuit.unsentLimits
    var wanted = unsentLimit
    if let rate = rate.bytesPerSecond(at: now) {
      wanted = min(range.upperBound, max(range.lowerBound, Int(rate * Circuit.batchTime.seconds)))
    } else if batchSize >= Circuit.fastBatch {
      wanted = range.upperBound
    }
    let isOther = wanted >= 2 * unsentLimit || 2 * wanted <= unsentLimit
    guard isOther || wanted != unsentLimit && wanted == range.upperBound else { return nil }
    unsentLimit = wanted
    return wanted
  }

  /// Returns the bytes per second by which packets are cut for the circuit; `nil` where none need be.
  func frameRate(at now: Instant) -> Double? {
    // Nobody knows yet how slow it is.
    rate.bytesPerSecond(at: now) ?? (batchSize < Circuit.fastBatch ? 1 : nil)
  }

  /// Fills the write batch with packets of its own queue, until it holds `limit` bytes or `packets` were added. It
  /// returns the number of packets. `delays` gets the time that each of them has waited.
  mutating func fillBatch(
    bytes limit: Int, packets: Int, at now: Instant, store: inout PacketStore, delays: inout DelayHistogram
  ) -> Int {
    queue.fill(
      &batch, bytes: limit, packets: packets, at: now, pace: pace(Circuit.queuePace, at: now), store: &store,
      delays: &delays)
  }

  /// Removes the next whole packet that waits for this circuit, and returns it; `nil` when none is left. It drops the
  /// rest of a packet that was sent in part.
  mutating func popAny(store: inout PacketStore) -> PacketStore.Slot? {
    batch.popWhole(store: &store) ?? queue.popAny(store: &store)
  }

  /// Returns how long a queue may stand from which this circuit takes: longer than `least` where it is slow. A round
  /// trip takes `waiting` longer than it does without what waits.
  func pace(
    _ least: ControlledDelay.Pace, waiting: Duration = .zero, patience: Duration = .zero, at now: Instant
  ) -> ControlledDelay.Pace {
    let target = max(least.target, rate.time(for: 2 * FlowQueue.quantum, at: now))
    return ControlledDelay.Pace(target: target, interval: max(least.interval + waiting, target * 2), patience: patience)
  }

  /// Notes a write to which `offered` bytes were offered, of which the kernel took `taken`. `isLeft` tells whether
  /// there is more to write.
  mutating func wrote(_ taken: Int, of offered: Int, isLeft: Bool, at now: Instant) {
    isBlocked = taken < offered
    if taken > 0 { lastProgress = now }
    rate.took(taken, isBlocked: isBlocked, hasMore: isLeft, at: now)
    // The request to Tor is no traffic of the peer's.
    if isOpen { meter.sent(taken, at: now) }
    if isBlocked {
      batchSize = max(leastBatch(at: now), min(batchSize, taken))
    } else if taken >= batchSize {
      batchSize = min(Circuit.batchSizes.upperBound, batchSize * 2)
    }
  }

  /// Returns how a packet is to be cut for circuits of so many bytes per second; `nil` for those that take everything.
  /// A peer that takes super-packets gets IPv6 ones uncut, as long as a circuit sends one in less than
  /// `Circuit.frameTime`.
  static func segmentation(
    of packet: PacketView, _ offload: OffloadHeader, takesSuperPackets: Bool, rate: Double?
  ) -> OffloadHeader.Segmentation {
    guard case .tcp(let size, let hasECN) = offload.segmentation, takesSuperPackets, !packet.isIPv4,
      Int(offload.headerLength(of: packet.bytes)) + Int(size) >= Circuit.superSegment
    else { return offload.segmentation }
    guard let rate else { return .none }
    let most = Int(rate * Circuit.frameTime.seconds)
    guard packet.bytes.count > most else { return .none }
    // A slower circuit gets pieces of as many whole segments as it sends in that time.
    let together = max(1, most / max(Int(size), 1)) * Int(size)
    return .tcp(size: UInt16(clamping: min(together, packet.bytes.count)), hasECN: hasECN)
  }
}

/// What is known of whoever is at the other end of a circuit. A circuit of lower standing makes room first.
enum Standing: Int, CaseIterable {
  /// The circuit has brought no packet that was admitted.
  case unproven
  /// The circuit has brought an admitted packet, from the host that it claims to be of, has proven to be of that host,
  /// or was dialled to it.
  case stranger
  /// The circuit claims to be of a peer that the operator configured, or was dialled to one. A claim proves nothing,
  /// but whoever makes it must know the name.
  case known
}
