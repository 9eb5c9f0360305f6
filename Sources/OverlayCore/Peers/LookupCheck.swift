/// The check whether this host is found by its address, where it wants to be: when it asks for itself, and what it has
/// found.
///
/// Anybody can serve anybody's lookup name, and the last who did is found. So this host asks as a stranger would: by
/// the next index where it is told something else than its own name, and no further where Tor knows no such service.
/// A SOCKS port without `ExtendedErrors` does not tell that from a service that somebody else has published and that
/// nobody can reach: of a name that Tor serves at this host's word it means the latter.
/// What is not found twice in a row is not found. Where Tor says nothing of any of them it reaches nobody, which says
/// nothing of others.
///
/// Each pause is drawn anew, so that the times of two identities tell nothing of each other.
struct LookupCheck {
  /// The mean time between two checks.
  static let interval = Duration.seconds(30 * 60)
  /// The longest time that Tor is given to look for the service anew before it is asked. What it remembers is not what
  /// a stranger finds.
  static let longestFetch = Duration.seconds(10)
  /// The number of failures in a row after which the host is not found.
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
  /// The greatest index that Tor serves at this host's word; `nil` if it does so by torrc, where nobody knows. Where
  /// Tor serves a name, and tells no reason why it is not reached, somebody else has made it useless.
  private(set) var served: UInt8?
  /// What was found last.
  private(set) var finding = LookupFinding.unknown
  /// The time of the next step; the distant future if none is due.
  private(set) var nextStep = Instant.distantFuture

  private var phase = Phase.stopped
  private var index: UInt8 = 0
  private var failures = 0
  private var isTold = false
  // Whether Tor has said something of a service since the check began with the first.
  private var isAnswered = false

  /// Makes a check that does nothing before `begin`.
  ///
  /// - Parameter tellsTor: Whether Tor serves the names at this host's word, from index 0 on.
  init(interval: Duration = LookupCheck.interval, tellsTor: Bool = false) {
    self.interval = interval
    served = tellsTor ? 0 : nil
  }

  /// Begins to check. `random`, in 0..<1, chooses the time, here and below.
  mutating func begin(at now: Instant, random: Double) {
    (phase, index) = (.waiting, 0)
    nextStep = now + interval * random
  }

  /// Ends the checks, because Tor is away. What was found stays.
  mutating func pause() {
    phase = .stopped
    nextStep = .distantFuture
  }

  /// Ends the checks, because nothing is served any more.
  mutating func stop() { self = LookupCheck(interval: interval, tellsTor: served != nil) }

  /// Returns what is to be done now; `nil` if nothing is. After `ask`, `ended` or `postpone` follows.
  mutating func step(at now: Instant) -> Step? {
    guard nextStep <= now else { return nil }
    switch phase {
    case .stopped, .asking: return nil
    case .waiting:
      phase = .refreshed
      if index == 0 { isAnswered = false }
      nextStep = now + min(LookupCheck.longestFetch, interval / 4)
      return .refresh(index: index)
    case .refreshed:
      phase = .asking
      nextStep = .distantFuture
      isTold = false
      return .ask(index: index)
    }
  }

  /// Notes that the service told this host's own name.
  mutating func wasTold() { isTold = true }

  /// Notes that the question could not be asked, which says nothing.
  mutating func postpone(at now: Instant, random: Double) {
    guard phase == .asking else { return }
    (phase, index) = (.waiting, 0)
    nextStep = now + interval / 10 * (0.5 + random)
  }

  /// How a question ended, if not with this host's own name.
  enum Answer {
    /// Tor knows no such service.
    case absent
    /// Tor knows no such service, or none that answers, and does not tell which.
    case absentOrUseless
    /// Somebody else, or nobody, was at the service.
    case other
    /// Tor has said nothing for all the time.
    case silence
  }

  /// Notes the end of a question. It returns what is found now if that is news.
  mutating func ended(_ answer: Answer, at now: Instant, random: Double) -> LookupFinding? {
    guard phase == .asking else { return nil }
    phase = .waiting
    isAnswered = isAnswered || isTold || answer != .silence
    let found: LookupFinding
    if isTold {
      found = .found(at: index)
    } else if answer == .absent || answer == .absentOrUseless && served.map({ $0 < index }) ?? true {
      found = .missing(index)
    } else if index < LookupKey.indices.upperBound {
      index += 1
      nextStep = now
      return nil
    } else if isAnswered {
      found = .hidden
    } else {
      phase = .asking
      postpone(at: now, random: random)
      return nil
    }
    index = 0
    nextStep = now + interval * (0.5 + random)
    failures = isTold ? 0 : failures + 1
    if (1..<LookupCheck.failuresBorne).contains(failures) {
      nextStep = now + interval / 10 * (0.5 + random)
      return nil
    }
    guard found != finding else { return nil }
    finding = found
    if case .missing(let index) = found { served = served.map { max($0, index) } }
    return found
  }
}
