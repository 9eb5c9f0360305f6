/// The check whether this host's own onion service leads back to it: when it is dialled, and what that has shown.
///
/// It is dialled once at start, after Tor came back, and then every 30 to 60 minutes, at a random time, so that nobody
/// can tell by these times which identities belong together. A Tor that has just come back has to publish the service
/// first. To ask before would make it remember for a quarter of an hour that there is no descriptor.
struct SelfCheck {
  /// The time that a granted circuit may take to come back.
  static let patience = Duration.seconds(20)
  /// The range of the time between two checks.
  static let interval = (shortest: Duration.seconds(30 * 60), longest: Duration.seconds(60 * 60))
  /// The range of the time that a Tor that came back is given to publish the service.
  static let publicationTime = (shortest: Duration.seconds(15), longest: Duration.seconds(30))
  /// How many circuits in a row may be lost before they came back.
  static let lossesBorne = 2
  /// The pauses after the first and each further failure in a row. The last one is that of all further failures.
  private static let pauses: [Duration] = [5, 10, 20, 30, 60].map { .seconds($0) }

  /// What the check has shown.
  private(set) var readiness = Readiness.waitingForTor
  /// The time of the next step; the distant future if none is due.
  private(set) var nextStep = Instant.distantFuture
  /// The time at which a circuit was granted that has not come back yet.
  private(set) var granted: Instant?

  private var publication = Publication.unknown
  private var wasTorThere = false
  private var isTorThere = false
  private var failures = 0
  private var losses = 0

  /// Notes that the SOCKS server takes connections now. `delay` is how long the first check waits, and `random`, in
  /// 0..<1, chooses a time in each range.
  mutating func torCame(at now: Instant, delay: Duration, random: Double) {
    isTorThere = true
    granted = nil
    failures = 0
    losses = 0
    readiness = publication == .publishing ? .publishing : .checking
    let range = SelfCheck.publicationTime
    nextStep = now + (wasTorThere ? range.shortest + (range.longest - range.shortest) * random : delay)
    if publication == .publishing { nextStep = .distantFuture }
    wasTorThere = true
  }

  /// Notes that the SOCKS server takes no connections.
  mutating func torWent() {
    isTorThere = false
    // Whoever comes late to a Tor that is already there need not wait for it.
    wasTorThere = true
    granted = nil
    readiness = .waitingForTor
    nextStep = .distantFuture
  }

  /// Notes what Tor tells of the publication of the service.
  mutating func changed(_ publication: Publication, at now: Instant) {
    guard publication != self.publication else { return }
    self.publication = publication
    guard isTorThere else { return }
    switch publication {
    case .unknown: break
    case .publishing:
      granted = nil
      readiness = .publishing
      nextStep = .distantFuture
    case .published:
      failures = 0
      if !readiness.isReady { nextStep = now }
    }
  }

  /// Notes that a check begins, or that it has to wait until `time`.
  mutating func waits(until time: Instant) { nextStep = time }

  /// Notes that Tor has granted a circuit to the own service.
  mutating func wasGranted(at now: Instant) {
    granted = now
    nextStep = now + SelfCheck.patience
  }

  /// Notes that the circuit has come back. It returns whether that is news.
  mutating func cameBack(at now: Instant, random: Double) -> Bool {
    guard let granted else { return false }
    self.granted = nil
    failures = 0
    losses = 0
    let isNews = !readiness.isReady
    readiness = .ready(loop: now - granted)
    let range = SelfCheck.interval
    nextStep = now + range.shortest + (range.longest - range.shortest) * random
    return isNews
  }

  /// Notes that a circuit was lost. It returns whether that says that the service leads elsewhere: a circuit that was
  /// cut before it came back says nothing, and the next one is tried soon, but whatever listens elsewhere closes every
  /// one.
  mutating func wasLost(at now: Instant) -> Bool {
    guard granted != nil else { return false }
    granted = nil
    losses += 1
    nextStep = now + SelfCheck.pauses[0]
    return losses > SelfCheck.lossesBorne
  }

  /// Notes that a check failed. It returns whether that is news.
  mutating func failed(_ failure: LoopFailure, at now: Instant) -> Bool {
    granted = nil
    guard isTorThere else { return false }
    nextStep = now + SelfCheck.pauses[min(failures, SelfCheck.pauses.count - 1)]
    failures += 1
    let before = readiness
    readiness =
      switch failure {
      case .notBuilt(.notFound), .notBuilt(.notFoundOrUseless): .publishing
      default: .notReady(failure)
      }
    return readiness != before
  }
}
