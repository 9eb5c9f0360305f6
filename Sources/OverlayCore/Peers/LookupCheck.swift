/// The check whether this host is found by its address, where it wants to be: when it asks for itself, and by which of
/// its lookup names it is served.
///
/// Anybody can serve anybody's lookup name, and the last who did is found. So this host asks as a stranger would. Where
/// it does not learn its own name twice in a row the next name is served as well, which strangers ask then.
///
/// Each pause is drawn anew, so that the times of two identities tell nothing of each other.
struct LookupCheck {
  /// The mean time between two checks.
  static let interval = Duration.seconds(30 * 60)
  /// The longest time that Tor is given to look for the service anew before it is asked. What it remembers is not what
  /// a stranger finds.
  static let longestFetch = Duration.seconds(10)
  /// The number of failures in a row after which the next name is served.
  static let failuresBorne = 2

  /// What is to be done.
  enum Step: Equatable {
    /// Have Tor look anew for the service with this index.
    case refresh(index: UInt8)
    /// Ask the service with this index.
    case ask(index: UInt8)
  }

  private enum Phase { case stopped, waiting, refreshed, asking }

  /// The mean time between two checks.
  let interval: Duration
  /// The greatest index that is served, beside all before it.
  private(set) var greatest: UInt8 = 0
  /// The time of the next step; the distant future if none is due.
  private(set) var nextStep = Instant.distantFuture

  private var phase = Phase.stopped
  private var failures = 0
  private var isTold = false

  /// Makes a check that does nothing before `begin`.
  init(interval: Duration = LookupCheck.interval) { self.interval = interval }

  /// Begins to check. `random`, in 0..<1, chooses the time, here and below.
  mutating func begin(at now: Instant, random: Double) {
    phase = .waiting
    nextStep = now + interval * random
  }

  /// Ends the checks, because Tor is away. What is served stays.
  mutating func pause() {
    phase = .stopped
    nextStep = .distantFuture
  }

  /// Ends the checks, because nothing is served any more.
  mutating func stop() { self = LookupCheck(interval: interval) }

  /// Returns what is to be done now; `nil` if nothing is. After `ask`, `ended` or `postpone` follows.
  mutating func step(at now: Instant) -> Step? {
    guard nextStep <= now else { return nil }
    switch phase {
    case .stopped, .asking: return nil
    case .waiting:
      phase = .refreshed
      nextStep = now + min(LookupCheck.longestFetch, interval / 4)
      return .refresh(index: greatest)
    case .refreshed:
      phase = .asking
      nextStep = .distantFuture
      isTold = false
      return .ask(index: greatest)
    }
  }

  /// Notes that the service told this host's own name.
  mutating func wasTold() { isTold = true }

  /// Notes that the question could not be asked, which says nothing.
  mutating func postpone(at now: Instant, random: Double) {
    guard phase == .asking else { return }
    phase = .waiting
    nextStep = now + interval / 10 * (0.5 + random)
  }

  /// Notes the end of a question. It returns the greatest index if one more is to be served now.
  mutating func ended(at now: Instant, random: Double) -> UInt8? {
    guard phase == .asking else { return nil }
    phase = .waiting
    nextStep = now + interval * (0.5 + random)
    if isTold {
      failures = 0
      return nil
    }
    failures += 1
    if failures < LookupCheck.failuresBorne {
      nextStep = now + interval / 10 * (0.5 + random)
      return nil
    }
    guard greatest < LookupKey.indices.upperBound else { return nil }
    failures = 0
    greatest += 1
    return greatest
  }
}
