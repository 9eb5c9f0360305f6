/// CoDel (RFC 8289): decides, packet by packet as they leave a queue, whether the queue has stood for too long and one
/// should be dropped, so that its sender slows down.
struct ControlledDelay {
  /// How long a packet may wait, and for how long that may last, before one is dropped.
  struct Pace: Equatable {
    /// The delay that is always allowed.
    var target: Duration
    /// About the longest round trip: the time that a sender has to react.
    var interval: Duration
  }

  private var firstAbove: Instant?
  private var nextDrop = Instant(nanoseconds: 0)
  private var dropCount: UInt32 = 0
  private var lastDropCount: UInt32 = 0
  private var isDropping = false

  /// Whether the packet that leaves now, queued at `queued`, should be dropped or marked. `isLast`: nothing, or less than
  /// a packet's worth, stands behind it.
  mutating func shouldDrop(queued: Instant, isLast: Bool, at now: Instant, _ pace: Pace) -> Bool {
    guard now - queued >= pace.target, !isLast else {
      firstAbove = nil
      isDropping = false
      return false
    }
    guard let firstAbove else {
      self.firstAbove = now + pace.interval
      return false
    }
    if isDropping {
      guard now >= nextDrop else { return false }
      dropCount += 1
      nextDrop = nextDrop + step(pace)
      return true
    }
    guard now >= firstAbove else { return false }
    isDropping = true
    // A queue that stood lately starts where it left off (RFC 8289 section 5.4).
    let recent = dropCount &- lastDropCount
    dropCount = recent > 1 && now - nextDrop < pace.interval * 16 ? recent : 1
    lastDropCount = dropCount
    nextDrop = now + step(pace)
    return true
  }

  private func step(_ pace: Pace) -> Duration { pace.interval * (1 / Double(dropCount).squareRoot()) }
}
