/// CoDel (RFC 8289) tells a queue when to drop a packet so that its sender slows down. It is asked about each packet
/// that leaves the queue, and judges by the time that packets have waited.
struct ControlledDelay {
  /// How much waiting is allowed before a packet is dropped.
  struct Pace: Equatable {
    /// The time that every packet may wait.
    var target: Duration
    /// The time for which packets may wait longer than the target: about the longest round trip, in which a sender
    /// reacts.
    var interval: Duration
    /// The time for which they may wait longer than that at first, as long as this is so: more will soon be taken.
    var patience = Duration.zero
  }

  private var firstAbove: Instant?
  private var nextDrop = Instant(nanoseconds: 0)
  private var dropCount: UInt32 = 0
  private var lastDropCount: UInt32 = 0
  private var isDropping = false

  /// Returns whether the packet that leaves now should be dropped or marked. It entered the queue at `queued`. `isLast`
  /// tells that less than one packet's worth of bytes waits behind it.
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
    guard now >= firstAbove + pace.patience else { return false }
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
