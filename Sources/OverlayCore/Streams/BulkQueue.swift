/// The bulk queue of a peer holds what bulk flows send to it, until one of the peer's circuits for bulk can take it. No
/// estimate decides which one does: whoever drains first gets the next packet. Where there is no circuit for bulk, the
/// peer's first circuit takes what sparse flows leave.
struct BulkQueue: ~Copyable {
  /// The time that the queue may stand: half of the round trip of an onion circuit, so that a flow that has just slowed
  /// down still fills the circuits. No sparse flow waits behind it. A flow that begins doubles what it sends each round
  /// trip, and has to be told within one.
  static let pace = ControlledDelay.Pace(target: .milliseconds(200), interval: .milliseconds(300))

  /// The packets that wait.
  var queue = FlowQueue()
  /// Whether one more circuit would pay.
  var growth = LaneGrowth()
  /// The circuits that take from it, by their lanes: the peer's first at 0, and those for bulk.
  private var circuits = [CircuitIdentifier?](repeating: nil, count: FlowQueue.lastLane + 1)
  /// The number of circuits for bulk.
  private(set) var laneCount = 0

  /// The memory of the store that its packets may take, in bytes: for each circuit twice as much as one has for itself,
  /// because otherwise there is no room for what a flow that begins sends before it can have been told to slow down.
  var memoryLimit: Int { 2 * FlowQueue.memoryLimit * max(1, laneCount) }

  /// The same where its circuits take so many bytes per second together: up to twice as much where it would be full
  /// before it has stood for long enough to be marked.
  func memoryLimit(at rate: Double) -> Int {
    let needed = rate * (BulkQueue.pace.target + BulkQueue.pace.interval).seconds * 2
    return max(memoryLimit, Int(min(needed, Double(2 * memoryLimit))))
  }

  /// Returns whether one more circuit may soon be built for what waits: the first one for anything, and others for what
  /// any circuit may take.
  func mayNeedCircuit(at now: Instant) -> Bool {
    (laneCount == 0 || queue.sharedBytes > 0) && growth.mayNeedAnother(beside: laneCount, at: now)
  }

  /// The circuits that take from it now, in the order in which they are asked.
  private(set) var takers: [CircuitIdentifier] = []

  /// Returns whether the circuit of a lane takes from it now.
  func takes(_ lane: Int) -> Bool { (lane > 0) == (laneCount > 0) }

  /// Returns whether packets wait that the circuit of a lane may take now.
  func hasPackets(for lane: Int) -> Bool { takes(lane) && queue.hasPackets(for: lane) }

  /// Returns the circuit that takes a flow's packets alone; `nil` if any does.
  func owner(of flow: UInt32) -> CircuitIdentifier? {
    let lane = queue.lane(of: flow)
    return lane > 0 ? circuits[lane] : nil
  }

  /// Lets a circuit take from it, by this lane.
  mutating func join(_ circuit: CircuitIdentifier, _ lane: Int, at now: Instant) {
    let isMore = circuits[lane] == nil
    circuits[lane] = circuit
    defer { listTakers() }
    guard lane > 0, isMore else { return }
    laneCount += 1
    queue.setLane(lane, isOpen: true)
    growth.added(at: now)
  }

  /// Notes that a circuit takes from it no more. `wasIdle` says that it found nothing to take.
  mutating func leave(_ circuit: CircuitIdentifier, _ lane: Int, wasIdle: Bool) {
    guard circuits[lane] == circuit else { return }
    circuits[lane] = nil
    defer { listTakers() }
    guard lane > 0 else { return }
    laneCount -= 1
    queue.setLane(lane, isOpen: false)
    growth.lost(leaving: laneCount, wasIdle: wasIdle)
  }

  private mutating func listTakers() {
    takers = (laneCount > 0 ? circuits[1...] : circuits[...0]).compactMap(\.self)
  }
}

/// The bulk queue that a circuit takes from.
struct BulkLane: Equatable {
  /// The number of the queue.
  let queue: Int
  /// The number of the circuit's lane: 0 for the peer's first circuit.
  let number: Int
}
