/// The searches for the names of overlay addresses that nobody has told: which questions are asked, and when. It knows
/// no circuit: its owner asks what `nextStep` says, and tells what came of it.
///
/// There are two ways to a name. The lookup service (`LookupKey`) is asked by its first index. The next index is asked
/// where nobody answers, or with something that is not believed, and beside one that has not answered after
/// `hedgeTime`; whoever lies about an index cannot hide a host for longer. Where Tor knows no such service the host
/// does not want to be found. Acquaintances are asked at the same time, and once more after `roundTime`; after that
/// time again nobody waits for them.
///
/// All is bounded: the number of searches and of questions at the same time, the number of questions and of rounds a
/// minute, and the addresses that were not found, which are not searched for again for a while.
struct NameSearches {
  /// The greatest number of searches, and of questions to the lookup service, at the same time.
  static let limit = 20
  /// The greatest number of questions to the lookup service a minute.
  static let questionsPerMinute = 60
  /// The longest time that a search takes, without the dials to names that were told, and that a packet waits for it
  /// and for them.
  static let patience = Duration.seconds(30)
  /// The longest time for which a search waits for such a dial: longer than Tor may take for one.
  static let trialLimit = Duration.seconds(65)
  /// The longest time for which it waits for all of them: whoever serves a name that cannot be reached by every index
  /// but the last hides nobody.
  static let trialsLimit = Duration.seconds(65 * 4)
  /// The time after which the next index is asked beside one that has not answered.
  static let hedgeTime = Duration.seconds(8)
  /// The time between the two rounds of questions to acquaintances.
  static let roundTime = Duration.seconds(5)
  /// The number of rounds.
  static let rounds = 2
  /// The greatest number of rounds a minute, beside those of as many searches as there may be at once.
  static let roundsPerMinute = 60
  /// The number of acquaintances that are asked in a round.
  static let acquaintances = 5
  /// The greatest number of addresses that were not found and are remembered.
  static let missLimit = 4_096

  /// What an owner has to do.
  enum Step: Equatable {
    /// Ask the lookup service of this address, by this index.
    case lookUp(IPv6Address, index: UInt8)
    /// Ask acquaintances, and tell how many with `asked`.
    case askAcquaintances(IPv6Address)
    /// The search has found nothing.
    case fail(IPv6Address)
  }

  /// What the lookup service has answered, if it was not the name.
  enum Answer {
    /// Tor knows no such service.
    case absent
    /// Nothing that is believed.
    case useless
    /// Nothing at all: neither the service nor Tor.
    case silence
  }

  /// How often something may begin: so many times a minute, and as many as there may be searches at once.
  private struct Pace {
    private var bucket: TokenBucket
    /// The time from which on it is permitted, where it was not when it was due.
    private(set) var next = Instant(nanoseconds: 0)

    init(perMinute count: Int, atOnce limit: Int) {
      bucket = TokenBucket(rate: Double(count) / 60, burst: Double(limit))
    }

    func has(at now: Instant) -> Bool { bucket.has(at: now) }

    mutating func take(at now: Instant) -> Bool {
      if bucket.take(at: now) { return true }
      // Never now, or nobody would wait for it.
      next = max(bucket.nextTake(from: now), now + .milliseconds(10))
      return false
    }
  }

  /// Whether the lookup service is asked. Acquaintances are in any case. Searches that have begun ask it no more,
  /// either.
  var asksLookupService: Bool {
    didSet {
      if !asksLookupService { for index in searches.indices { searches[index].nextLookUp = .distantFuture } }
    }
  }

  private let limit: Int
  private let missLimit: Int
  private var searches: [NameSearch] = []
  private var openQuestions = 0
  private var pace: Pace
  private var roundPace: Pace
  private var misses: [IPv6Address: (count: Int, until: Instant)] = [:]
  private var oldestMisses: [IPv6Address] = []

  /// Makes searches of which none has begun: at most `limit` at the same time, with so many questions to the lookup
  /// service a minute, and so many addresses that are remembered.
  init(
    asksLookupService: Bool, limit: Int = NameSearches.limit, questionsPerMinute: Int = NameSearches.questionsPerMinute,
    missLimit: Int = NameSearches.missLimit
  ) {
    (self.asksLookupService, self.limit, self.missLimit) = (asksLookupService, limit, missLimit)
    pace = Pace(perMinute: questionsPerMinute, atOnce: limit)
    roundPace = Pace(perMinute: min(questionsPerMinute, NameSearches.roundsPerMinute), atOnce: limit)
  }

  /// The number of searches.
  var count: Int { searches.count }

  /// The addresses that are searched for, without those for which a name is being dialled.
  var addresses: [IPv6Address] { searches.filter { !$0.isTrying }.map(\.address) }

  /// Returns whether a search may begin now, whatever its address is. Of a flood of packets to unknown addresses this
  /// alone is asked for nearly each.
  func mayBegin(at now: Instant) -> Bool {
    searches.count < limit && pace.has(at: now) && roundPace.has(at: now)
  }

  /// Begins to search for the name of an address, which is not `disproved`. It returns false if the address was not
  /// found a short time ago, or if too much is searched for.
  mutating func begin(_ address: IPv6Address, disproved: OnionName? = nil, at now: Instant) -> Bool {
    guard mayBegin(at: now), !isMissed(address, at: now) else { return false }
    searches.append(
      NameSearch(address, asksLookupService: asksLookupService, disproved: disproved, at: now))
    return true
  }

  /// Returns whether an address was not found a short time ago.
  func isMissed(_ address: IPv6Address, at now: Instant) -> Bool { misses[address].map { now < $0.until } ?? false }

  /// The time of the next step.
  var nextDeadline: Instant {
    let lookUps = openQuestions >= limit ? .distantFuture : pace.next
    return searches.map { $0.nextDeadline(lookUps: lookUps, rounds: roundPace.next) }.min() ?? .distantFuture
  }

  /// Returns the next thing that is to be done now; `nil` if nothing is.
  mutating func nextStep(at now: Instant) -> Step? {
    for index in searches.indices {
      searches[index].endRounds(at: now)
      let search = searches[index]
      if search.hasEnded(at: now) {
        remove(index)
        if search.isMiss { noteMiss(search.address, counts: search.wasAnswered, at: now) }
        return .fail(search.address)
      }
      guard !search.isTrying else { continue }
      if search.nextLookUp <= now, openQuestions < limit, pace.take(at: now) {
        openQuestions += 1
        searches[index].openQuestions += 1
        searches[index].nextIndex += 1
        searches[index].wasAsked = true
        let isLast = search.nextIndex == LookupKey.indices.upperBound
        searches[index].nextLookUp = isLast ? .distantFuture : now + NameSearches.hedgeTime
        return .lookUp(search.address, index: search.nextIndex)
      }
      if search.nextRound <= now, roundPace.take(at: now) {
        searches[index].beginsRound(at: now)
        return .askAcquaintances(search.address)
      }
    }
    return nil
  }

  /// Notes the end of a question to the lookup service that did not tell the name. It counts also after its search.
  mutating func lookedUp(_ address: IPv6Address, index asked: UInt8, _ answer: Answer, at now: Instant) {
    openQuestions -= 1
    guard let index = searches.firstIndex(where: { $0.address == address }) else { return }
    searches[index].openQuestions -= 1
    if answer != .silence { searches[index].wasAnswered = true }
    guard asksLookupService, searches[index].nextIndex == asked + 1, asked < LookupKey.indices.upperBound else {
      return
    }
    searches[index].nextLookUp =
      switch answer {
      case .absent: .distantFuture
      case .useless, .silence: now
      }
  }

  /// Notes that there was no room for a question to the lookup service. Others may still tell the name; if nobody does,
  /// the address may be searched for again at once.
  mutating func couldNotAsk(_ address: IPv6Address) {
    openQuestions -= 1
    guard let index = searches.firstIndex(where: { $0.address == address }) else { return }
    searches[index].openQuestions -= 1
    (searches[index].nextLookUp, searches[index].couldAsk) = (.distantFuture, false)
  }

  /// Notes how many acquaintances were asked in a round. Where there are none, no other round follows.
  mutating func asked(_ address: IPv6Address, acquaintances count: Int) {
    guard let index = searches.firstIndex(where: { $0.address == address }) else { return }
    searches[index].openRounds += count
    if count > 0 { searches[index].wasAsked = true }
    if count == 0 { searches[index].nextRound = .distantFuture }
  }

  /// Notes that an acquaintance, which was asked so many times for this search, has told a name, or that it knows none.
  /// Once all that were asked have answered none is asked again.
  mutating func acquaintanceAnswered(_ address: IPv6Address, questions: Int = 1) {
    guard questions > 0, let index = searches.firstIndex(where: { $0.address == address }) else { return }
    searches[index].wasAnswered = true
    searches[index].openRounds = max(0, searches[index].openRounds - questions)
    if searches[index].openRounds == 0 { searches[index].nextRound = .distantFuture }
  }

  // MARK: - Names that were told

  /// Notes a name that somebody has told. It returns whether it is to be learned and dialled now: while another one is
  /// dialled it waits, and one that was not reached is not tried again.
  mutating func note(_ name: OnionName, from source: NameSource, by teller: NameTeller? = nil) -> Bool {
    guard let index = searches.firstIndex(where: { $0.address == name.address }) else { return true }
    return searches[index].note(name, from: source, by: teller)
  }

  /// Returns whether the address is searched for, and no name that was told for it is being dialled.
  func seeks(_ address: IPv6Address) -> Bool { searches.contains { $0.address == address && !$0.isTrying } }

  /// Returns whether a name that was told for the address is being dialled.
  func isTrying(_ address: IPv6Address) -> Bool { searches.contains { $0.address == address && $0.isTrying } }

  /// Returns whether a name that was told for the address was dialled, and the search goes on until it ends.
  func hasTried(_ address: IPv6Address) -> Bool { searches.contains { $0.address == address && $0.hasTried } }

  /// Notes that a name that was told is being dialled. The search goes on if it is not reached.
  mutating func tries(_ name: OnionName, at now: Instant) {
    guard let index = searches.firstIndex(where: { $0.address == name.address }) else { return }
    searches[index].tries(name, at: now)
  }

  /// Notes that the name that was dialled for an address was not reached. It returns another one that was told
  /// meanwhile; `nil` for none.
  mutating func isDisproved(_ address: IPv6Address, at now: Instant) -> NameSearch.Told? {
    guard let index = searches.firstIndex(where: { $0.address == address }) else { return nil }
    return searches[index].isDisproved(at: now)
  }

  // MARK: - Ends

  /// Ends the search for an address whose name is known now, or that nobody is to be asked for.
  mutating func end(_ address: IPv6Address) {
    if misses.removeValue(forKey: address) != nil { oldestMisses.removeAll { $0 == address } }
    if let index = searches.firstIndex(where: { $0.address == address }) { remove(index) }
  }

  private mutating func remove(_ index: Int) { searches.remove(at: index) }

  /// Forgets which addresses were not found, because others may answer now.
  mutating func forgetMisses() { (misses, oldestMisses) = ([:], []) }

  /// Notes that an address was not found. It counts towards a longer pause if anybody has said so.
  private mutating func noteMiss(_ address: IPv6Address, counts: Bool, at now: Instant) {
    let last = misses[address]
    let isOld = last.map { $0.until + NameSearches.pause(afterMisses: .max) < now } ?? true
    let count = (isOld ? 0 : last?.count ?? 0) + (counts ? 1 : 0)
    if misses.updateValue((count, now + NameSearches.pause(afterMisses: count)), forKey: address) == nil {
      oldestMisses.append(address)
    }
    guard oldestMisses.count > missLimit else { return }
    // Half of them at once, so that each costs little.
    for address in oldestMisses.prefix(missLimit / 2) { misses[address] = nil }
    oldestMisses.removeFirst(missLimit / 2)
  }

  /// Returns the time for which an address is not searched for again after it was not found so many times, none of
  /// which is long after the one before.
  static func pause(afterMisses count: Int) -> Duration { count < 3 ? .seconds(60) : .seconds(600) }
}
