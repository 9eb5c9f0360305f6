/// Which of a peer's circuits each flow is pinned to.
///
/// A flow begins on the circuit for sparse flows, and proves to be bulk when it sends more than a burst above a rate that
/// interactive use stays below. Bounded to `ways` × `sets` flows; the one that was silent for longest is forgotten.
struct FlowTable: ~Copyable {
  /// A flow that was silent for so long is over.
  private static let lifetime = Duration.seconds(10)
  /// A flow that has proven to be bulk, and was then silent for so long, wants no circuit of its own: at the rate of bulk
  /// it would have sent dozens of packets.
  private static let bulkPause = Duration.seconds(1)

  private static let ways = 8
  private static let sets = 32
  /// A flow that keeps below so many bytes a second is sparse…
  private static let sparseRate = 32_768
  /// …and so is one that sends more, until it has sent for so long what it may send: 64 KiB.
  private static let sparseBurst = Duration.seconds(2)

  private struct Record {
    var hash: UInt32 = 0
    var lane: Int16 = 0
    var hasProvenBulk = false
    // The time that it has not used of what passed.
    var credit = Duration.zero
    var lastSeen = Instant(nanoseconds: 0)

    func silence(at now: Instant) -> Duration { now - lastSeen }
  }

  private var records: UnsafeMutableBufferPointer<Record>?

  /// What is known of the flow of a packet that is to be sent now.
  struct Flow {
    fileprivate let index: Int
    /// The lane that it is pinned to.
    let lane: Int
    /// Whether it has sent too much to stay with the sparse ones.
    let isBulk: Bool
    /// Whether that is so from this packet on.
    let isNewlyBulk: Bool
  }

  /// Counts `bytes` that the flow sends now.
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

  /// Pins the flow that was noted last.
  mutating func pin(_ flow: Flow, to lane: Int) {
    records?[flow.index].lane = Int16(lane)
  }

  /// How many flows are pinned to the lane and not over.
  func count(on lane: Int, at now: Instant) -> Int {
    records?.count { $0.lane == lane && $0.hash != 0 && $0.silence(at: now) <= FlowTable.lifetime } ?? 0
  }

  /// How many flows on the sparse lane are bulk at this time: each wants a circuit of its own.
  func waitingCount(at now: Instant) -> Int {
    records?.count {
      $0.lane == Lane.sparse && $0.credit < .zero && $0.silence(at: now) <= FlowTable.bulkPause
    } ?? 0
  }

  /// Unpins all flows of a lane that is gone: they go on with the sparse ones, and those that are bulk are found to be so
  /// anew.
  mutating func clear(_ lane: Int) {
    guard let records else { return }
    for index in records.indices where records[index].lane == lane {
      records[index].lane = Int16(Lane.sparse)
      records[index].hasProvenBulk = false
    }
  }

  /// Gives the memory back if every flow is over.
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
