/// How many circuits are dialled at the same time, and how many a second: a burst of packets to many peers is not one of
/// circuits, which Tor would build one after the other anyway, and slowly.
///
/// Configured peers come first: others have half of both. A configured peer that finds no turn waits for one in a queue,
/// bounded by how many are configured; others are refused, as if they could not be reached.
struct DialQueue {
  /// How many circuits are being dialled at the same time at the most.
  let limit: Int

  /// How many are being dialled.
  private(set) var inFlight = 0

  private var all: TokenBucket
  private var others: TokenBucket
  // Before `first` are those whose turn has been: as many as there may be without their being taken out one by one.
  private(set) var queue: [OnionName] = []
  private var first = 0
  private var queued: Set<OnionName> = []

  /// So many at the same time, and so many begun a second and at once.
  init(limit: Int, rate: Int) {
    self.limit = limit
    all = TokenBucket(rate: Double(rate), burst: Double(rate))
    others = TokenBucket(rate: Double(rate) / 2, burst: max(1, Double(rate) / 2))
  }

  /// Whether a circuit may be dialled now, to a configured peer or to another; it is counted, and `ended` has to be told.
  mutating func take(isConfigured: Bool, at now: Instant) -> Bool {
    guard inFlight < (isConfigured ? limit : max(1, limit / 2)), isConfigured || others.take(at: now), all.take(at: now)
    else { return false }
    inFlight += 1
    return true
  }

  /// A circuit is not being dialled any more: it stands, or is gone.
  mutating func ended() {
    inFlight -= 1
  }

  /// Whether a configured peer waits for its turn.
  var isAwaited: Bool { !queued.isEmpty }

  /// Whether this peer does.
  func isWaiting(_ name: OnionName) -> Bool { queued.contains(name) }

  /// Lets a configured peer wait for its turn.
  mutating func wait(_ name: OnionName) {
    if queued.insert(name).inserted { queue.append(name) }
  }

  /// The configured peer whose turn is next, if there is one and a circuit may be dialled: it waits no more.
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
