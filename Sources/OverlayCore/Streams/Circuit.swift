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
  /// The range of the size of a write batch, in bytes.
  static let batchSizes = (16 << 10)...(256 << 10)

  /// The number of bytes that went over the circuit.
  var traffic: Traffic { meter.total }

  /// The state of the circuit.
  var state: State
  /// The worth of the circuit to its owner, who decides which circuit makes room for another.
  var standing = Standing.unproven
  /// The kind of flows that the circuit carries. It decides how long its queue may stand.
  var service: CircuitService
  /// The bytes that go out before any packet of the queue: the SOCKS request, or the first keepalive.
  var preamble: [UInt8] = []
  /// The packets that wait to be sent.
  var queue = FlowQueue()
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
  /// Whether the kernel did not take all that it was offered last.
  private(set) var isBlocked = false
  // The size of the next write batch in bytes. It grows where the circuit takes all, and shrinks where it does not, so
  // that a sparse flow does not wait behind a long batch.
  private var batchSize = Circuit.batchSizes.lowerBound

  /// Makes a circuit that begins now.
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

  /// Whether this host dialled the circuit, and Tor has not granted it yet.
  var isBeingBuilt: Bool {
    switch state {
    case .connecting, .requested, .connectingToAsk, .asking: true
    case .open, .announced, .accepted: false
    }
  }

  /// The time at which a packet last came or was queued.
  var lastUsed: Instant { max(lastSent, lastReceived) }

  /// What Tor has said of a circuit.
  enum Reply {
    /// No reply is expected: the bytes are packets.
    case none
    /// The reply is not complete yet.
    case incomplete
    /// Tor has granted the circuit.
    case granted
    /// Tor has refused the circuit, or this is no SOCKS server.
    case refused(DialFailure)
    /// The question goes on with more bytes for the server, which are in the preamble.
    case next
    /// The server has answered why it refused a circuit, by a code of SOCKS5: zero says that it would grant one.
    case answered(code: UInt8)
    /// The service has sent this.
    case text([UInt8])
    /// Tor has said that the circuit came through this one of its own. The bytes that are left are packets.
    case cameThrough(TorCircuitLine)
    /// Tor has not said that.
    case badLine(TorCircuitLineError)
  }

  /// Takes what Tor says of the circuit off the front of `input`: the SOCKS server's reply, or the line before what an
  /// accepted circuit brings.
  mutating func takeReply(_ input: inout UnsafeMutableRawBufferPointer) -> Reply {
    switch state {
    case .accepted, .open, .connecting, .connectingToAsk: .none
    case .requested(let reply): takeReply(reply, &input)
    case .asking(let question): takeAnswer(UnsafeRawBufferPointer(input), to: question)
    case .announced(let reader): takeLine(reader, &input)
    }
  }

  private mutating func takeLine(
    _ reader: TorCircuitLineReader, _ input: inout UnsafeMutableRawBufferPointer
  ) -> Reply {
    var (reader, rest) = (reader, UnsafeRawBufferPointer(input))
    do throws(TorCircuitLineError) {
      guard let line = try reader.consume(&rest) else {
        state = .announced(reader)
        return .incomplete
      }
      state = .accepted
      input = UnsafeMutableRawBufferPointer(rebasing: input.suffix(rest.count))
      return .cameThrough(line)
    } catch {
      return .badLine(error)
    }
  }

  private mutating func takeReply(
    _ reply: SOCKS4aReply, _ input: inout UnsafeMutableRawBufferPointer
  ) -> Reply {
    var (reply, rest) = (reply, UnsafeRawBufferPointer(input))
    do throws(DialFailure) {
      guard try reply.consume(&rest) else {
        state = .requested(reply)
        return .incomplete
      }
      // The server replied before it had the whole request, so nobody knows what it granted. The rest of the request
      // would go out behind the first packet, or never.
      guard preamble.isEmpty else { throw DialFailure.early }
    } catch {
      return .refused(error)
    }
    input = UnsafeMutableRawBufferPointer(rebasing: input.suffix(rest.count))
    return .granted
  }

  private mutating func takeAnswer(_ bytes: UnsafeRawBufferPointer, to question: SOCKS5Question) -> Reply {
    var question = question
    do throws(DialFailure) {
      switch try question.consume(bytes) {
      case .wait:
        state = .asking(question)
        return .incomplete
      case .send(let message):
        state = .asking(question)
        preamble += message
        return .next
      case .answered(let code):
        return .answered(code: code)
      case .text(let text):
        return .text(text)
      }
    } catch {
      return .refused(error)
    }
  }

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

  /// Fills the write batch with as many packets as one write takes, and as `share` permits. It returns the packets that
  /// were dropped or marked. `delays` gets the time that each of the others has waited.
  mutating func fillBatch(
    _ share: (bytes: Int, packets: Int), at now: Instant, store: inout PacketStore, delays: inout DelayHistogram
  ) -> FlowQueue.Losses {
    let least = service.pace
    let target = max(least.target, rate.time(for: 2 * FlowQueue.quantum, at: now))
    queue.fillBatch(
      bytes: min(batchSize, share.bytes), packets: min(WriteRuns.batchPackets, share.packets), at: now,
      pace: ControlledDelay.Pace(target: target, interval: max(least.interval, target * 2)), store: &store,
      delays: &delays)
    let losses = queue.losses
    queue.losses = FlowQueue.Losses()
    return losses
  }

  /// Notes a write to which `offered` bytes were offered, of which the kernel took `taken`.
  mutating func wrote(_ taken: Int, of offered: Int, at now: Instant) {
    isBlocked = taken < offered
    if taken > 0 { lastProgress = now }
    rate.took(taken, isBlocked: isBlocked, at: now)
    // The request to Tor is no traffic of the peer's.
    if isOpen { meter.sent(taken, at: now) }
    batchSize =
      isBlocked
      ? max(Circuit.batchSizes.lowerBound, min(batchSize, taken))
      : min(Circuit.batchSizes.upperBound, batchSize * 2)
  }

  /// Returns how a packet is to be cut for this circuit now. A peer that takes super-packets gets IPv6 ones uncut, as
  /// long as the circuit sends one in less than `Circuit.frameTime`.
  func segmentation(
    of packet: PacketView, _ offload: OffloadHeader, takesSuperPackets: Bool, at now: Instant
  ) -> OffloadHeader.Segmentation {
    guard case .tcp(let size, let hasECN) = offload.segmentation, isOpen, takesSuperPackets, !packet.isIPv4,
      Int(offload.headerLength(of: packet.bytes)) + Int(size) >= Circuit.superSegment
    else { return offload.segmentation }
    guard let rate = rate.bytesPerSecond(at: now) else { return .none }
    let most = Int(rate * Circuit.frameTime.seconds)
    guard packet.bytes.count > most else { return .none }
    // A slower circuit gets pieces of as many whole segments as it sends in that time.
    let together = max(1, most / max(Int(size), 1)) * Int(size)
    return .tcp(size: UInt16(clamping: min(together, packet.bytes.count)), hasECN: hasECN)
  }
}

/// The kind of flows that a circuit carries.
enum CircuitService {
  /// Sparse flows, which are sensitive to delay, and bulk flows as long as those have no circuit of their own.
  case sparse
  /// Bulk flows alone.
  case bulk

  /// The time that the queue may stand. It is short where sparse flows share the circuit. With bulk alone it is about a
  /// round trip of an onion circuit, so that a flow that has just slowed down still fills the circuit.
  var pace: ControlledDelay.Pace {
    switch self {
    case .sparse: ControlledDelay.Pace(target: .milliseconds(5), interval: .milliseconds(100))
    case .bulk: ControlledDelay.Pace(target: .milliseconds(100), interval: .seconds(1))
    }
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
