/// The dial queue bounds how many circuits are dialled at the same time, and how many are begun in a second. So a burst
/// of packets to many peers does not become a burst of circuits, which Tor would build slowly, and one after the other.
///
/// Configured peers come first; all others together get half of both bounds. A configured peer that may not be dialled
/// yet waits in the queue, which has at most one place for each configured peer. Others are refused, as if they could
/// not be reached; the counter `dialLimit` shows both.
struct DialQueue {
  /// The greatest number of circuits that are being dialled at the same time.
  let limit: Int

  /// The number of circuits that are being dialled.
  private(set) var inFlight = 0

  private var all: TokenBucket
  private var others: TokenBucket
  // The names before `first` were taken already. They are removed together once they are half of the queue, so that
  // taking one costs little.
  private(set) var queue: [OnionName] = []
  private var first = 0
  private var queued: Set<OnionName> = []

  /// Makes a queue that dials at most `limit` circuits at the same time and begins `rate` a second, and as many at
  /// once.
  init(limit: Int, rate: Int) {
    self.limit = limit
    all = TokenBucket(rate: Double(rate), burst: Double(rate))
    others = TokenBucket(rate: Double(rate) / 2, burst: max(1, Double(rate) / 2))
  }

  /// Returns whether a circuit may be dialled now, and counts it if so. The caller calls `ended` when it is dialled no
  /// more.
  mutating func take(isConfigured: Bool, at now: Instant) -> Bool {
    guard inFlight < (isConfigured ? limit : max(1, limit / 2)), isConfigured || others.take(at: now), all.take(at: now)
    else { return false }
    inFlight += 1
    return true
  }

  /// Notes that a circuit was granted, or failed.
  mutating func ended() {
    inFlight -= 1
  }

  /// Whether a configured peer waits to be dialled.
  var isAwaited: Bool { !queued.isEmpty }

  /// Returns whether this peer waits to be dialled.
  func isWaiting(_ name: OnionName) -> Bool { queued.contains(name) }

  /// Appends a configured peer, unless it waits already.
  mutating func wait(_ name: OnionName) {
    if queued.insert(name).inserted { queue.append(name) }
  }

  /// Removes the first configured peer and returns it; `nil` if none waits, or if no circuit may be dialled now.
  mutating func next(at now: Instant) -> OnionName? {
    guard inFlight < limit, all.has(at: now), first < queue.count else { return nil }
    let name = queue[first]
    first += 1
    if 2 * first >= queue.count {
      queue.removeFirst(first)
      first = 0
    }
    queued.remove(name)
    return name
  }
}
