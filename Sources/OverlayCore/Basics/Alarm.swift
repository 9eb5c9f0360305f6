/// The one time at which something asks to be looked at, out of all that it may have put into a deadline queue: only
/// this one counts when it comes, so that whatever asks often is still looked at once.
struct Alarm {
  private var time: Instant?

  /// Asks for `time`; whether that is earlier than what was asked for, and so has to go into the queue.
  mutating func set(to time: Instant) -> Bool {
    if let earlier = self.time, earlier <= time { return false }
    self.time = time
    return true
  }

  /// Whether this is the time that is asked for.
  func isSet(to time: Instant) -> Bool { self.time == time }

  /// Whether the deadline that came at `time` is the one; it is then over.
  mutating func rings(at time: Instant) -> Bool {
    guard self.time == time else { return false }
    self.time = nil
    return true
  }
}
