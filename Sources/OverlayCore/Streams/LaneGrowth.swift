/// Decides when a peer's bulk flows get one more circuit.
///
/// Circuits cost relays memory and time, so none is built for a transfer that has not moved `leastBytes`. The first one
/// leaves the other circuit to sparse flows. One more is built only while all that there are have more to send than
/// they take, and as long as the last one that was added brought a fifth more.
struct LaneGrowth {
  /// A transfer has moved so many bytes before another circuit is built for its speed.
  static let leastBytes = 1_000_000
  /// What the last circuit has to have brought before there is another.
  private static let gain = 1.2
  /// The part of the time in which all circuits are full.
  private static let fullness = 0.9
  /// The time that a new circuit gets before it is judged: about a round trip.
  private static let settling = Duration.milliseconds(500)
  /// The time over which it is judged.
  private static let window = Duration.seconds(1)
  /// The time in which it is found that one more circuit is needed, and in which that is built, as a rule.
  static let patience = Duration.seconds(3)
  /// A transfer is over after so much silence.
  private static let pause = Duration.seconds(1)

  /// The greatest number of circuits for bulk that there may be now.
  var most = Int.max
  private var transferred = 0
  // The last time at which something was taken or waited.
  private var lastBusy = Instant(nanoseconds: 0)
  private var stands = false
  private var windowStart = Instant(nanoseconds: 0)
  private var windowBytes = 0
  private var fullTime = Duration.zero
  private var fullSince: Instant?
  // Bytes a second, with the circuits that there are, and at best with one fewer.
  private var rate = 0.0
  private var rateBefore = 0.0
  // Whether the last circuit that was added was worth it; `nil` until that is known.
  private var hasPaid: Bool? = true
  private var isAlwaysFull = false
  // The number of circuits beside which one more had nothing to take.
  private var enough: Int?

  /// Notes that a circuit took so many bytes of bulk.
  mutating func took(_ bytes: Int, at now: Instant) {
    if isOver(at: now) {
      transferred = 0
      enough = nil
      restart(at: now)
    }
    lastBusy = now
    transferred += bytes
    if now >= windowStart { windowBytes += bytes }
  }

  /// Notes whether something waits now, and whether it waits for all circuits.
  mutating func note(stands: Bool, isFull: Bool, at now: Instant) {
    if stands { lastBusy = now }
    self.stands = stands
    if let since = fullSince { fullTime += max(.zero, now - max(since, windowStart)) }
    fullSince = isFull ? now : nil
    let elapsed = now - windowStart
    guard elapsed >= LaneGrowth.window else { return }
    let current = Double(windowBytes) / elapsed.seconds
    isAlwaysFull = fullTime / elapsed >= LaneGrowth.fullness
    hasPaid = current >= rateBefore * LaneGrowth.gain
    rate = max(rate, current)
    (windowStart, windowBytes, fullTime) = (now, 0, .zero)
  }

  /// Returns whether one more circuit is to be built for bulk, beside `count` that are open.
  func wantsAnother(beside count: Int, at now: Instant) -> Bool {
    mayNeedAnother(beside: count, at: now) && (count == 0 || isAlwaysFull && (count == 1 || hasPaid == true))
  }

  /// Returns whether one more circuit may be wanted soon, beside `count` that are open.
  func mayNeedAnother(beside count: Int, at now: Instant) -> Bool {
    guard transferred >= LaneGrowth.leastBytes, !isOver(at: now) else { return false }
    return count < min(most, enough ?? .max) && (count <= 1 || hasPaid != false)
  }

  /// Notes that there is one circuit more.
  mutating func added(at now: Instant) {
    (rateBefore, rate, hasPaid) = (rate, 0, nil)
    restart(at: now + LaneGrowth.settling)
  }

  /// Notes that there are `count` circuits, one fewer. What they brought is not known any more, but if the one that is
  /// gone found nothing to take, no other is built in its place as long as no other flow begins.
  mutating func lost(leaving count: Int, wasIdle: Bool) {
    if wasIdle, stands { enough = max(1, count) }
    (rateBefore, rate, hasPaid) = (0, 0, nil)
    restart(at: lastBusy)
  }

  /// Notes that a flow has begun that one circuit carries: it may find more to take than those before it.
  mutating func begun() { enough = nil }

  private func isOver(at now: Instant) -> Bool { !stands && now - lastBusy > LaneGrowth.pause }

  private mutating func restart(at time: Instant) {
    (windowStart, windowBytes, fullTime, fullSince, isAlwaysFull) = (time, 0, .zero, nil, false)
  }
}
