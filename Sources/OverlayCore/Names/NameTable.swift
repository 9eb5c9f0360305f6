/// The name table tells which onion name an overlay address stands for, and how much that is trusted.
///
/// Learned names never displace those that come from this host. A learned name makes way to one from a better source,
/// and while it is valid to no other, unless the last dial to it failed, or it is the mere claim of a circuit that is
/// closed and it was never reached. A name that Tor cannot dial is not learned. Learned names are bounded, and names
/// that were never reached have a bound of their own, so that a crowd of names that nobody ever dialled displaces only
/// itself: first the names whose circuits are closed make room, the longest closed first, and then the name that was
/// confirmed longest ago.
///
/// The names of the hosts file stay in the table of the file, which all identities share. What peers say of themselves
/// is kept beside it.
struct NameTable {
  /// The greatest number of learned names to which no circuit was ever built, of a whole daemon.
  static let unreachedLimit = 2_000
  /// The greatest number of learned names to which a circuit was built, of a whole daemon.
  static let reachedLimit = 8_000
  /// The time for which a learned name keeps its address against another.
  static let learnedValidity = Duration.seconds(2 * 60 * 60)

  /// The time after its validity for which a learned name is kept that is neither told nor reached.
  static let unreachableLimit = Duration.seconds(7 * 24 * 60 * 60)

  private struct Entry {
    let name: OnionName
    var source: Source
    var validUntil: Instant
    var capabilities: Capabilities?
    var isReached = false
    var hasFailed = false
    // Of a name that was never reached: the mark of when the last circuit that claimed it was closed, and the time
    // until which a packet for it is worth a dial.
    var abandoned: UInt64 = 0
    var wantedUntil = Instant(nanoseconds: 0)
  }

  // Of the names of the hosts file only those about which something was noted.
  private var entries: [IPv6Address: Entry] = [:]
  private var hosts = HostNames()
  private var onThisSide: Set<IPv6Address>
  private let unreachedLimit: Int
  private let reachedLimit: Int
  private var unreached = LearnedOrder()
  // Those of the former whose circuits are closed.
  private var abandoned = LearnedOrder()
  private var lastAbandoned: UInt64 = 0
  private var reached = LearnedOrder()
  // The number of open circuits that claim each name, whether or not it has its address.
  private var claims: [OnionName: Int] = [:]

  /// Makes a table without names. It keeps so many learned names, and never has one for an address of `onThisSide`.
  init(
    besides onThisSide: Set<IPv6Address> = [], unreachedLimit: Int = NameTable.unreachedLimit,
    reachedLimit: Int = NameTable.reachedLimit
  ) {
    self.onThisSide = onThisSide
    self.unreachedLimit = unreachedLimit
    self.reachedLimit = reachedLimit
  }

  /// Sets the addresses of this host, which have no name here.
  mutating func set(onThisSide addresses: Set<IPv6Address>) {
    onThisSide = addresses
    for address in addresses { forget(address) }
  }

  /// The number of names that are known. It looks at every name that is not only in the hosts file.
  var count: Int {
    let twice = entries.keys.count { hosts[$0] != nil }
    let hidden = onThisSide.count { hosts[$0] != nil }
    return entries.count + hosts.names.count - twice - hidden
  }

  /// Returns the name that `address` stands for; `nil` if none is known.
  func name(of address: IPv6Address) -> OnionName? { entry(of: address)?.name }

  /// Returns the name that can be dialled at `address`; `nil` if none is known, or only a learned one that is not valid
  /// any more and could not be reached.
  func diallable(at address: IPv6Address, _ now: Instant) -> OnionName? {
    guard let entry = entry(of: address) else { return nil }
    return entry.source.isLearned && entry.hasFailed && entry.validUntil < now ? nil : entry.name
  }

  /// Returns the name at `address` that others may be told, and whether it is known from this side; `nil` if there is
  /// none. Of learned names only those are told to which a circuit was built, and which are valid: what somebody claims
  /// goes no further.
  func tellable(at address: IPv6Address, _ now: Instant) -> (name: OnionName, isLocal: Bool)? {
    guard let entry = entry(of: address), !entry.name.isVersion2 else { return nil }
    guard entry.source.isLearned else { return (entry.name, true) }
    return entry.isReached && !entry.hasFailed && entry.validUntil >= now ? (entry.name, false) : nil
  }

  /// Returns whether the operator configured the peer with this address. A name in the hosts file, which can name
  /// thousands, does not count.
  func isKnown(_ address: IPv6Address) -> Bool {
    entries[address]?.source == .configuration
  }

  /// Returns the capabilities that the host with this name has told; `nil` if it has told nothing beyond its name.
  func capabilities(of name: OnionName) -> Capabilities? {
    guard let entry = entries[name.address], entry.name == name else { return nil }
    return entry.capabilities
  }

  /// Notes the capabilities that the host with this name has told.
  mutating func note(_ capabilities: Capabilities?, of name: OnionName) {
    guard var entry = entry(of: name.address), entry.name == name, entry.capabilities != capabilities else { return }
    entry.capabilities = capabilities
    entries[name.address] = entry
  }

  /// Adds a name of the operator's configuration.
  mutating func configure(_ name: OnionName) {
    set(Entry(name: name, source: .configuration, validUntil: .distantFuture))
  }

  /// Replaces the names of the operator's configuration. It returns the names that lost their address.
  mutating func replaceConfiguration(with names: [OnionName]) -> [OnionName] {
    let wanted = Set(names)
    let before = entries.values.filter { $0.source == .configuration && !wanted.contains($0.name) }.map(\.name)
    for name in before { forget(name.address) }
    var displaced: [OnionName] = []
    for name in names where entries[name.address]?.source != .configuration {
      let held = entry(of: name.address)
      let isKept = held?.name == name
      set(
        Entry(
          name: name, source: .configuration, validUntil: .distantFuture,
          capabilities: isKept ? held?.capabilities : nil))
      if let held, !isKept { displaced.append(held.name) }
    }
    return before.filter { name(of: $0.address) != $0 } + displaced
  }

  /// Replaces the names of the hosts file. It returns the names that lost their address to one of them, or are gone.
  mutating func replaceHosts(with names: HostNames) -> [OnionName] {
    let before = hosts.names.filter { entry(of: $0.address)?.source == .hostsFile }
    var gone: [OnionName] = []
    hosts = names
    for (address, entry) in entries where entry.source < .configuration {
      let name = hostsName(of: address)
      if let name, name == entry.name {
        set(Entry(name: name, source: .hostsFile, validUntil: .distantFuture, capabilities: entry.capabilities))
      } else if name != nil || entry.source == .hostsFile {
        forget(address)
        if entry.source.isLearned { gone.append(entry.name) }
      }
    }
    return gone + before.filter { name(of: $0.address) != $0 }
  }

  /// Learns a name from a source that is not this host's operator.
  mutating func learn(_ name: OnionName, from source: Source, at now: Instant) -> Outcome {
    let validUntil = now + NameTable.learnedValidity
    if let held = entry(of: name.address) {
      if held.name == name {
        if held.source.isLearned {
          entries[name.address]?.validUntil = validUntil
          entries[name.address]?.source = max(held.source, source)
          if source != .keepalive { entries[name.address]?.hasFailed = false }
        }
        return .confirmed
      }
      guard !name.isVersion2, makesWay(held, to: source, at: now) else { return .conflict }
    }
    guard !name.isVersion2 else { return .undiallable }
    set(Entry(name: name, source: source, validUntil: validUntil))
    unreached.append(name.address, validUntil.nanoseconds)
    if unreached.count > unreachedLimit { dropUnreached() }
    if unreached.length > 2 * unreachedLimit {
      unreached.forget { [entries] address, _ in !NameTable.isLearned(entries[address], reached: false) }
    }
    return .new
  }

  /// Returns whether what somebody told is all that is known of the name.
  func isUnreached(_ name: OnionName) -> Bool {
    guard let entry = entries[name.address], entry.name == name else { return false }
    return entry.source.isLearned && !entry.isReached
  }

  /// Returns whether the name's own claim is all that is known of it. Anybody can make one, and nobody here asked.
  func isStranger(_ name: OnionName) -> Bool { isUnreached(name) && entries[name.address]?.source == .keepalive }

  /// Notes that a circuit claims the name, until `release`.
  mutating func retain(_ name: OnionName) {
    claims[name, default: 0] += 1
  }

  /// Notes that a circuit that claimed the name is closed.
  mutating func release(_ name: OnionName) {
    guard let count = claims[name] else { return }
    claims[name] = count > 1 ? count - 1 : nil
    guard count == 1, isUnreached(name) else { return }
    lastAbandoned += 1
    entries[name.address]?.abandoned = lastAbandoned
    abandoned.requeue(name.address, lastAbandoned)
    guard abandoned.length > 2 * unreachedLimit else { return }
    var order = LearnedOrder()
    swap(&order, &abandoned)
    order.forget { !isAbandoned($0, $1) }
    abandoned = order
  }

  /// Notes that a packet for a name that was never reached is worth a dial until `time`.
  mutating func want(_ name: OnionName, until time: Instant) {
    if isUnreached(name) { entries[name.address]?.wantedUntil = time }
  }

  /// Returns whether the name was never reached, and a packet for it is still worth a dial.
  func isWanted(_ name: OnionName, at now: Instant) -> Bool {
    guard isUnreached(name), let entry = entries[name.address] else { return false }
    return entry.wantedUntil >= now
  }

  /// Notes that a dial to the name failed.
  mutating func failed(_ name: OnionName) {
    guard let entry = entries[name.address], entry.name == name else { return }
    entries[name.address]?.hasFailed = true
  }

  /// Notes that a circuit was built to the name, so that it exists. It gets its address, unless another name keeps that
  /// for ever.
  mutating func reached(_ name: OnionName, at now: Instant) {
    if let held = entries[name.address], held.source.isLearned {
      if held.name == name {
        entries[name.address]?.hasFailed = false
        entries[name.address]?.validUntil = now + NameTable.learnedValidity
      } else if !held.isReached || held.hasFailed {
        set(Entry(name: name, source: .keepalive, validUntil: held.validUntil))
        unreached.append(name.address, held.validUntil.nanoseconds)
      }
    }
    guard isUnreached(name), let validUntil = entries[name.address]?.validUntil else { return }
    entries[name.address]?.isReached = true
    unreached.count -= 1
    reached.append(name.address, validUntil.nanoseconds)
    if reached.count > reachedLimit { dropOldest(reached: true) }
    if reached.length > 2 * reachedLimit {
      reached.forget { [entries] address, _ in !NameTable.isLearned(entries[address], reached: true) }
    }
  }

  /// The addresses whose names are known, at most `limit`.
  func addresses(limit: Int) -> [IPv6Address] {
    let own = Array(entries.keys.prefix(limit))
    let others = hosts.names.lazy.map(\.address).filter { [entries, onThisSide] address in
      entries[address] == nil && !onThisSide.contains(address)
    }
    return own + others.prefix(limit - own.count)
  }

  /// What is known of the name at an address; `nil` if there is none.
  func description(
    of address: IPv6Address
  ) -> (name: OnionName, source: Source, isReached: Bool, validUntil: Instant)? {
    entry(of: address).map { ($0.name, $0.source, $0.isReached, $0.validUntil) }
  }

  /// Forgets a name that was learned. It returns false if there is none.
  mutating func forgetLearned(_ address: IPv6Address) -> Bool {
    guard let entry = entries[address], entry.source.isLearned else { return false }
    forget(address)
    return true
  }

  /// Forgets all names that were learned, and returns how many.
  mutating func forgetLearned() -> Int {
    let learned = entries.filter { $0.value.source.isLearned }.keys
    for address in learned { forget(address) }
    return learned.count
  }

  /// Forgets learned names that nobody has told or reached since they were last valid, for `unreachableLimit`, unless a
  /// circuit claims them. It looks at those alone whose time can have come, the oldest first.
  mutating func prune(at now: Instant) {
    for isReached in [false, true] {
      while let (address, mark) = isReached ? reached.first : unreached.first,
        mark + UInt64(NameTable.unreachableLimit.nanoseconds) < now.nanoseconds
      {
        _ = isReached ? reached.popFirst() : unreached.popFirst()
        guard let entry = entries[address], NameTable.isLearned(entry, reached: isReached) else { continue }
        var validUntil = entry.validUntil
        if claims[entry.name] != nil {
          validUntil = max(validUntil, now)
          entries[address]?.validUntil = validUntil
        }
        guard validUntil.nanoseconds > mark else {
          forget(address)
          continue
        }
        // It was confirmed since, or has a circuit, and is looked at again.
        if isReached {
          reached.requeue(address, validUntil.nanoseconds)
        } else {
          unreached.requeue(address, validUntil.nanoseconds)
        }
      }
    }
  }

  /// Returns whether a name makes way for another from this source. A name that an open circuit still claims is
  /// tried first.
  private func makesWay(_ entry: Entry, to source: Source, at now: Instant) -> Bool {
    guard entry.source.isLearned else { return false }
    return entry.source < source || entry.hasFailed || entry.validUntil < now
      || entry.source == .keepalive && !entry.isReached && claims[entry.name] == nil
  }

  private func entry(of address: IPv6Address) -> Entry? {
    entries[address]
      ?? hostsName(of: address).map { Entry(name: $0, source: .hostsFile, validUntil: .distantFuture) }
  }

  private func hostsName(of address: IPv6Address) -> OnionName? {
    onThisSide.contains(address) ? nil : hosts[address]
  }

  private static func isLearned(_ entry: Entry?, reached isReached: Bool) -> Bool {
    entry?.source.isLearned == true && entry?.isReached == isReached
  }

  private mutating func set(_ entry: Entry) {
    forget(entry.name.address)
    entries[entry.name.address] = entry
  }

  private mutating func forget(_ address: IPv6Address) {
    guard let held = entries.removeValue(forKey: address), held.source.isLearned else { return }
    if held.isReached { reached.count -= 1 } else { unreached.count -= 1 }
  }

  private mutating func dropUnreached() {
    while let (address, mark) = abandoned.popFirst() {
      if isAbandoned(address, mark) { return forget(address) }
    }
    dropOldest(reached: false)
  }

  private func isAbandoned(_ address: IPv6Address, _ mark: UInt64) -> Bool {
    guard let entry = entries[address], NameTable.isLearned(entry, reached: false) else { return false }
    return claims[entry.name] == nil && entry.abandoned == mark
  }

  private mutating func dropOldest(reached isReached: Bool) {
    while let (address, mark) = isReached ? reached.popFirst() : unreached.popFirst() {
      guard let entry = entries[address], NameTable.isLearned(entry, reached: isReached) else { continue }
      let validUntil = entry.validUntil.nanoseconds
      guard validUntil >= mark else { continue }
      if validUntil == mark { return forget(address) }
      // It was confirmed since, and its time has not come.
      if isReached { reached.requeue(address, validUntil) } else { unreached.requeue(address, validUntil) }
    }
  }
}
