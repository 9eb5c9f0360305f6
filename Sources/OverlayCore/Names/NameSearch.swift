/// One search for the name of an address: what was asked of whom, and what was told.
///
/// A name that was told is believed no further than a dial shows. Whoever knows an address can make up names that map
/// to it: it holds only 56 bits of the key and the checksum, and nobody checks that there is a private key. While a
/// told name is dialled nothing more is asked; if Tor does not reach it, the search goes on.
struct NameSearch {
  /// The greatest number of names that are tried for one address, and of those that wait for it.
  static let nameLimit = 10

  /// A name that somebody has told.
  typealias Told = (name: OnionName, source: NameSource, teller: NameTeller?)

  let address: IPv6Address
  /// The index of the lookup service that is asked next, and when.
  var nextIndex: UInt8 = 0
  var nextLookUp: Instant
  /// The questions to the lookup service that are open.
  var openQuestions = 0
  var roundsLeft = NameSearches.rounds
  var nextRound: Instant
  /// The acquaintances that have not answered, and the time from which on nobody waits for the last of them.
  var openRounds = 0
  var roundsEnd = Instant.distantFuture

  /// Whether anybody was asked, and whether anybody has answered, be it that the name is not known.
  var (wasAsked, wasAnswered) = (false, false)
  /// Whether all that were to be asked could be.
  var couldAsk = true

  private let lastEnd: Instant
  private var end: Instant
  private var trial: (name: OnionName, since: Instant)?
  private var tried: [OnionName] = []
  private var told: [Told] = []

  /// Begins a search. `disproved` is a name that was dialled already, and not reached.
  init(_ address: IPv6Address, asksLookupService: Bool, disproved: OnionName?, at now: Instant) {
    self.address = address
    end = now + NameSearches.patience
    lastEnd = end + NameSearches.trialsLimit
    nextLookUp = asksLookupService ? now : .distantFuture
    nextRound = now
    if let disproved { tried = [disproved] }
  }

  /// Whether it is remembered if nothing is found.
  var isMiss: Bool { wasAsked && couldAsk }

  /// Whether a name that was told is being dialled.
  var isTrying: Bool { trial != nil }

  /// Whether a name that was told is being dialled, or was and is not reached.
  var hasTried: Bool { isTrying || !tried.isEmpty }

  /// The time at which the search ends at the latest; a trial has longer than Tor takes for any dial.
  var latestEnd: Instant { trial.map { $0.since + NameSearches.trialLimit } ?? end }

  /// Returns whether nobody is left who could tell a name.
  func hasEnded(at now: Instant) -> Bool {
    let isAwaited =
      isTrying || nextLookUp != .distantFuture || openQuestions > 0 || nextRound != .distantFuture || openRounds > 0
    return now >= latestEnd || !isAwaited
  }

  /// The next time at which something is to be done, if the lookup service and acquaintances may be asked then.
  func nextDeadline(lookUps: Instant, rounds: Instant) -> Instant {
    guard !isTrying else { return latestEnd }
    let waiting = openRounds > 0 ? roundsEnd : .distantFuture
    return min(max(nextLookUp, lookUps), max(nextRound, rounds), waiting, latestEnd)
  }

  /// Notes that acquaintances are asked. Of the last of them an answer is awaited for as long as between two rounds.
  mutating func beginsRound(at now: Instant) {
    roundsLeft -= 1
    let end = now + NameSearches.roundTime
    (nextRound, roundsEnd) = roundsLeft == 0 ? (.distantFuture, end) : (end, .distantFuture)
  }

  /// Stops waiting for acquaintances that are silent.
  mutating func endRounds(at now: Instant) {
    if roundsEnd <= now { openRounds = 0 }
  }

  /// Notes a name that somebody has told. It returns whether it is to be learned and dialled now: it waits while
  /// another one is, and one that was not reached before is not tried again.
  mutating func note(_ name: OnionName, from source: NameSource, by teller: NameTeller?) -> Bool {
    guard !tried.contains(name), tried.count < NameSearch.nameLimit, trial?.name != name else { return false }
    guard isTrying else { return true }
    if told.count < NameSearch.nameLimit, !told.contains(where: { $0.name == name }) {
      told.append((name, source, teller))
    }
    return false
  }

  /// Notes that a told name is being dialled.
  mutating func tries(_ name: OnionName, at now: Instant) { trial = (name, now) }

  /// Notes that the name that was dialled was not reached. It returns another one that was told meanwhile; `nil` for
  /// none. The time of trials does not count, up to `trialsLimit` in all.
  mutating func isDisproved(at now: Instant) -> Told? {
    guard let trial else { return nil }
    tried.append(trial.name)
    end = min(end + (now - trial.since), lastEnd)
    self.trial = nil
    guard tried.count < NameSearch.nameLimit, !told.isEmpty else { return nil }
    return told.removeFirst()
  }
}
