/// The flow table tells which of a peer's flows are bulk: those that take so much of a circuit that others would wait
/// behind them. What that is depends on the circuit.
///
/// A flow is bulk once it has sent what the circuit carries in a second, 256 KiB at the most, more than half of the
/// circuit's rate permits. While the rate is not known, that is 32 KiB more than 32 KiB a second. What it sends while
/// packets of it wait earns nothing, so that flows that share a full circuit are bulk, too. A flow is bulk until it was
/// silent for a second, and nothing of it waits. The table holds `ways` × `sets` flows in sets by hash; past that the
/// flow of the set that was silent for longest is forgotten, and begins anew.
struct FlowTable: ~Copyable {
  /// A flow is over after so much silence.
  private static let lifetime = Duration.seconds(10)
  /// A bulk flow is sparse again after so much silence, in which bulk would have sent dozens of packets, and what it
  /// sent before has arrived.
  private static let bulkPause = Duration.seconds(1)

  private static let ways = 8
  private static let sets = 32
  /// The bytes per second that a flow may send where the rate of the circuit is not known.
  private static let unknownRate = 32_768.0
  /// The bytes that it may send at once there.
  private static let unknownBurst = 32_768.0
  /// The part of the circuit's rate that a flow may send.
  private static let fairPart = 0.5
  /// The most bytes that a flow may send at once.
  private static let bursts = 3_072.0...262_144.0

  private struct Record {
    var hash: UInt32 = 0
    var isBulk = false
    /// What the flow has sent beyond its rate, in bytes.
    var excess: Float = 0
    var lastSeen = Instant(nanoseconds: 0)

    func silence(at now: Instant) -> Duration { now - lastSeen }
  }

  private var records: UnsafeMutableBufferPointer<Record>?

  /// What is known of a flow that sends something.
  enum Verdict {
    /// The flow is sparse.
    case sparse
    /// The flow was sparse, and is bulk from now on.
    case newlyBulk
    /// The flow is bulk.
    case bulk
  }

  /// Counts `bytes` bytes that the flow with this hash sends now. `rate` returns that of the circuit for sparse flows
  /// in bytes per second; `nil` if it is not known. `isWaiting` tells whether packets of the flow wait to be sent,
  /// which is asked with whether the flow is bulk.
  mutating func note(
    _ hash: UInt32, bytes: Int, rate: () -> Double?, at now: Instant, isWaiting: (_ isBulk: Bool) -> Bool
  ) -> Verdict {
    let records = table()
    let first = Int(hash & UInt32(FlowTable.sets - 1)) * FlowTable.ways
    var index = first
    for candidate in first..<first + FlowTable.ways {
      if records[candidate].hash == hash {
        index = candidate
        break
      }
      if records[candidate].lastSeen < records[index].lastSeen { index = candidate }
    }
    let isOver = records[index].silence(at: now) > FlowTable.lifetime && !records[index].isBulk
    if records[index].hash != hash || isOver {
      records[index] = Record(hash: hash, lastSeen: now)
    }
    let silence = records[index].silence(at: now)
    records[index].lastSeen = now
    if records[index].isBulk {
      guard silence > FlowTable.bulkPause, !isWaiting(true) else { return .bulk }
      records[index] = Record(hash: hash, lastSeen: now)
    }
    let rate = rate()
    var excess = Double(records[index].excess)
    if excess > 0, !isWaiting(false) {
      excess -= (rate.map { $0 * FlowTable.fairPart } ?? FlowTable.unknownRate) * silence.seconds
    }
    excess = max(0, excess) + Double(bytes)
    records[index].excess = Float(excess)
    let burst = rate.map { min(max($0, FlowTable.bursts.lowerBound), FlowTable.bursts.upperBound) }
    guard excess > burst ?? FlowTable.unknownBurst else { return .sparse }
    records[index].isBulk = true
    return .newlyBulk
  }

  /// Frees the memory if every flow is over.
  mutating func releaseIfOver(at now: Instant) {
    guard let records, records.allSatisfy({ $0.silence(at: now) > FlowTable.lifetime }) else { return }
    records.deallocate()
    self.records = nil
  }

  private mutating func table() -> UnsafeMutableBufferPointer<Record> {
    if let records { return records }
    let made = UnsafeMutableBufferPointer<Record>.allocate(capacity: FlowTable.ways * FlowTable.sets)
    made.initialize(repeating: Record())
    records = made
    return made
  }

  deinit {
    records?.deallocate()
  }
}
