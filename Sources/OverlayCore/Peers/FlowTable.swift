/// The flow table tells which of a peer's lanes each flow is pinned to.
///
/// A flow begins on the lane for sparse flows. It is bulk once it has sent 64 KiB more than a rate of 32 KiB a second
/// permits, which interactive use stays below. The table holds `ways` × `sets` flows in sets by hash; past that the
/// flow of the set that was silent for longest is forgotten, and begins anew.
struct FlowTable: ~Copyable {
  /// A flow is over after so much silence.
  private static let lifetime = Duration.seconds(10)
  /// A bulk flow needs no circuit of its own after so much silence, in which bulk would have sent dozens of packets.
  private static let bulkPause = Duration.seconds(1)

  private static let ways = 8
  private static let sets = 32
  /// A flow is sparse while it sends fewer bytes a second than this.
  private static let sparseRate = 32_768
  /// A sparse flow may exceed its rate by what it could send in so much time: 64 KiB.
  private static let sparseBurst = Duration.seconds(2)

  private struct Record {
    var hash: UInt32 = 0
    var lane: Int16 = 0
    var hasProvenBulk = false
    // The time in which the flow could have sent and has not. It is negative for a bulk flow.
    var credit = Duration.zero
    var lastSeen = Instant(nanoseconds: 0)

    func silence(at now: Instant) -> Duration { now - lastSeen }
  }

  private var records: UnsafeMutableBufferPointer<Record>?

  /// What is known of the flow of a packet that is about to be sent.
  struct Flow {
    fileprivate let index: Int
    /// The number of the lane that the flow is pinned to.
    let lane: Int
    /// Whether the flow is bulk now.
    let isBulk: Bool
    /// Whether the flow was not bulk before this packet.
    let isNewlyBulk: Bool
  }

  /// Counts `bytes` bytes that the flow with this hash sends now, and returns what is known of it.
  mutating func note(_ hash: UInt32, bytes: Int, at now: Instant) -> Flow {
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
    if records[index].hash != hash || records[index].silence(at: now) > FlowTable.lifetime {
      records[index] = Record(hash: hash, credit: FlowTable.sparseBurst, lastSeen: now)
    }
    let credit = records[index].credit + records[index].silence(at: now)
    records[index].credit = min(FlowTable.sparseBurst, credit) - Duration.seconds(1) * bytes / FlowTable.sparseRate
    records[index].lastSeen = now
    let isBulk = records[index].credit < .zero
    let isNewlyBulk = isBulk && !records[index].hasProvenBulk
    if isBulk {
      records[index].credit = .nanoseconds(-1)
      records[index].hasProvenBulk = true
    }
    return Flow(index: index, lane: Int(records[index].lane), isBulk: isBulk, isNewlyBulk: isNewlyBulk)
  }

  /// Pins the flow that was noted last to a lane.
  mutating func pin(_ flow: Flow, to lane: Int) {
    records?[flow.index].lane = Int16(lane)
  }

  /// Returns the number of flows that are pinned to the lane and not over.
  func count(on lane: Int, at now: Instant) -> Int {
    records?.count { $0.lane == lane && $0.hash != 0 && $0.silence(at: now) <= FlowTable.lifetime } ?? 0
  }

  /// Returns the number of flows on the sparse lane that are bulk now: each of them wants a circuit of its own.
  func waitingCount(at now: Instant) -> Int {
    records?.count {
      $0.lane == Lane.sparse && $0.credit < .zero && $0.silence(at: now) <= FlowTable.bulkPause
    } ?? 0
  }

  /// Moves all flows of a lane that is gone to the sparse lane. Those that are bulk have to prove it again.
  mutating func clear(_ lane: Int) {
    guard let records else { return }
    for index in records.indices where records[index].lane == lane {
      records[index].lane = Int16(Lane.sparse)
      records[index].hasProvenBulk = false
    }
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
