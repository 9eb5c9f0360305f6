/// The names that are learned: what is believed, what makes way, and what is forgotten.
extension NameTable {
  /// Learns a name from a source that is not this host's operator: who told it, if that is known, and how long it was
  /// searched for, if it was, are for the operator to see.
  mutating func learn(
    _ name: OnionName, from source: Source, by teller: NameTeller? = nil, after search: Duration? = nil,
    at now: Instant
  ) -> Outcome {
    if let given = given(at: name.address) { return given.name == name ? .confirmed : .conflict }
    let validUntil = (now + NameTable.learnedValidity).sinceStart
    if let place = learned.find(name.address) {
      let held = learned[place]
      if held.name == name {
        learned[place].validUntil = validUntil
        // Of a name that was searched for it stays known who found it, though its host tells it since.
        if held.teller == nil || source > held.source && held.search == nil {
          learned[place].note(teller, after: search)
        }
        // The better source counts, and what was told stays so, whoever claims the name besides.
        learned[place].source = max(held.source, source)
        if source != .keepalive { (learned[place].hasFailed, learned[place].isOnlyClaimed) = (false, false) }
        // A claim alone does not keep a name whose circuits are closed, but that somebody here asked for it does.
        if held.isReached {
          learned.move(place, toEndOf: .reached)
        } else if held.order == .unreached || source != .keepalive {
          learned.move(place, toEndOf: .unreached)
        }
        return .confirmed
      }
      guard !name.isVersion2, makesWay(held, to: source, at: now) else { return .conflict }
    }
    guard !name.isVersion2 else { return .undiallable }
    learned.remove(name.address)
    var record = LearnedNames.Record(name, from: source, validUntil: validUntil)
    record.note(teller, after: search)
    learned.insert(record)
    keepLimits()
    return .new
  }

  /// Returns whether what somebody told is all that is known of the name.
  func isUnreached(_ name: OnionName) -> Bool { unreached(name) != nil }

  /// Returns whether the name's own claim is all that is known of it. Anybody can make one, and nobody here asked.
  func isStranger(_ name: OnionName) -> Bool { unreached(name).map { learned[$0].isOnlyClaimed } ?? false }

  /// Notes that a circuit claims the name, until `release`.
  mutating func retain(_ name: OnionName) {
    claims[name, default: 0] += 1
    if let place = unreached(name), learned[place].order == .abandoned { learned.move(place, toEndOf: .unreached) }
  }

  /// Notes that a circuit that claimed the name is closed. A name that somebody has told keeps its place.
  mutating func release(_ name: OnionName) {
    guard let count = claims[name] else { return }
    claims[name] = count > 1 ? count - 1 : nil
    if count == 1, let place = unreached(name), learned[place].isOnlyClaimed {
      learned.move(place, toEndOf: .abandoned)
    }
  }

  /// Notes that a packet for a name that was never reached is worth a dial until `time`.
  mutating func want(_ name: OnionName, until time: Instant) {
    if let place = unreached(name) { learned[place].wantedUntil = time }
  }

  /// Returns whether the name was never reached, and a packet for it is still worth a dial.
  func isWanted(_ name: OnionName, at now: Instant) -> Bool {
    unreached(name).map { learned[$0].wantedUntil >= now } ?? false
  }

  /// Returns whether the last dial to the name has failed.
  func hasFailed(_ name: OnionName) -> Bool {
    learned.find(name.address).map { learned[$0].name == name && learned[$0].hasFailed } ?? false
  }

  /// Notes that a dial to the name failed.
  mutating func failed(_ name: OnionName) {
    if let place = learned.find(name.address), learned[place].name == name { learned[place].hasFailed = true }
  }

  /// Notes that a name that was told could not be dialled. If it was never reached it is forgotten, or what is left of
  /// it is what somebody claims.
  mutating func disprove(_ name: OnionName) {
    guard let place = unreached(name), !learned[place].isOnlyClaimed else { return }
    guard learned[place].source == .keepalive else {
      learned.remove(name.address)
      return
    }
    learned[place].isOnlyClaimed = true
    if claims[name] == nil { learned.move(place, toEndOf: .abandoned) }
  }

  /// Notes that a circuit was built to the name, so that it exists. It gets its address, unless another name keeps that
  /// for ever.
  mutating func reached(_ name: OnionName, at now: Instant) {
    guard let place = learned.find(name.address) else { return }
    let held = learned[place]
    if held.name == name {
      learned[place].hasFailed = false
      learned[place].validUntil = (now + NameTable.learnedValidity).sinceStart
      learned.move(place, toEndOf: .reached)
    } else if !held.isReached || held.hasFailed {
      learned.remove(name.address)
      learned.insert(.init(name, from: .keepalive, validUntil: held.validUntil, order: .reached))
    }
    keepLimits()
  }

  /// Notes that the circuit that was built to the name still stands, and brings what the peer sends.
  mutating func stands(_ name: OnionName, at now: Instant) {
    if let place = learned.find(name.address), learned[place].name == name, learned[place].isReached {
      reached(name, at: now)
    }
  }

  /// Learns a name again that was remembered from a run before, for as long as it was still to keep its address.
  /// Whatever is known already stays.
  mutating func restore(
    _ name: OnionName, from source: Source, isReached: Bool, remaining: Duration, at now: Instant
  ) {
    // A clock that was set back makes no name valid for longer than one that is told now.
    let remaining = min(remaining, NameTable.learnedValidity)
    guard source.isLearned, !name.isVersion2, !onThisSide.contains(name.address), self.name(of: name.address) == nil,
      remaining + NameTable.unreachableLimit >= .zero
    else { return }
    var record = LearnedNames.Record(
      name, from: source, validUntil: now.sinceStart + remaining, order: isReached ? .reached : .unreached)
    // What is only claimed is not remembered.
    record.isOnlyClaimed = false
    learned.insert(record)
    keepLimits()
  }

  /// Forgets a name that was learned. It returns false if there is none.
  mutating func forgetLearned(_ address: IPv6Address) -> Bool { learned.remove(address) != nil }

  /// Forgets all names that were learned, and returns how many.
  mutating func forgetLearned() -> Int {
    defer { learned.removeAll() }
    return learned.count
  }

  /// Forgets learned names that nobody has told or reached since they were last valid, for `unreachableLimit`, unless a
  /// circuit claims them. It looks at those alone whose time can have come, the oldest first.
  mutating func prune(at now: Instant) {
    for order in LearnedNames.Order.allCases {
      while let place = learned.first(of: order),
        learned[place].remaining(at: now) + NameTable.unreachableLimit < .zero
      {
        let name = learned[place].name
        guard claims[name] != nil else {
          learned.remove(name.address)
          continue
        }
        // It was there all the time, and is looked at again when that ends.
        learned[place].validUntil = now.sinceStart
        learned.move(place, toEndOf: order)
      }
    }
  }

  /// Returns whether a name makes way for another from this source. A name that an open circuit still claims is
  /// tried first.
  private func makesWay(_ held: LearnedNames.Record, to source: Source, at now: Instant) -> Bool {
    held.source < source || held.hasFailed || held.remaining(at: now) < .zero
      || held.isOnlyClaimed && !held.isReached && claims[held.name] == nil
  }

  private func unreached(_ name: OnionName) -> LearnedNames.Place? {
    guard let place = learned.find(name.address), learned[place].name == name, !learned[place].isReached else {
      return nil
    }
    return place
  }

  private mutating func keepLimits() {
    if learned.count(of: .unreached) + learned.count(of: .abandoned) > unreachedLimit {
      dropFirst(of: learned.first(of: .abandoned) == nil ? .unreached : .abandoned)
    }
    if learned.count(of: .reached) > reachedLimit { dropFirst(of: .reached) }
  }

  private mutating func dropFirst(of order: LearnedNames.Order) {
    if let place = learned.first(of: order) { learned.remove(learned[place].name.address) }
  }
}
