/// What has to be looked at when its time comes, the earliest first: a binary heap. What was put in is never taken out
/// before its time: whoever looks finds that there is nothing to do, or asks to look again later.
struct DeadlineQueue {
  /// Something that has a deadline.
  enum Subject: Hashable {
    /// A circuit's idleness, keepalive, or time to be granted.
    case circuit(CircuitIdentifier)
    /// Whether the peer is still there that a circuit was dialled to.
    case liveness(CircuitIdentifier)
    /// A peer that is to be dialled.
    case peer(OnionName)
    /// Configured peers that wait for their turn to be dialled.
    case dials
    /// A try whether Tor is back.
    case tor
    /// Flows that wait until they may go on along another circuit.
    case moves
    /// The device, which waits for a circuit.
    case device
    /// The turn of a stranger to be dialled.
    case strangerTurn
    /// Tables that hold what nobody needs any more.
    case tidying
  }

  private var heap: [(time: Instant, subject: Subject)] = []

  /// The time of the earliest.
  var earliest: Instant? { heap.first?.time }

  /// How many there are, those included that will be found to be of no use.
  var count: Int { heap.count }

  /// Drops those that `isWanted` is false for, all but one of a subject, and the memory that they took.
  mutating func keep(where isWanted: (_ time: Instant, Subject) -> Bool) {
    var kept: Set<Subject> = []
    let wanted = heap.filter { isWanted($0.time, $0.subject) && kept.insert($0.subject).inserted }
    heap = []
    for (time, subject) in wanted { insert(subject, at: time) }
  }

  /// Asks to look at `subject` at `time`.
  mutating func insert(_ subject: Subject, at time: Instant) {
    heap.append((time, subject))
    var child = heap.count - 1
    while child > 0, heap[child].time < heap[(child - 1) / 2].time {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// Takes the earliest if its time has come.
  mutating func popDue(at now: Instant) -> (time: Instant, subject: Subject)? {
    guard let first = heap.first, first.time <= now else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      let children = (2 * parent + 1..<2 * parent + 3).clamped(to: 0..<heap.count)
      guard let child = children.min(by: { heap[$0].time < heap[$1].time }), heap[child].time < heap[parent].time
      else { break }
      heap.swapAt(child, parent)
      parent = child
    }
    return first
  }
}
