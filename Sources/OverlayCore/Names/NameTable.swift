/// Which onion name an overlay address stands for, and how much that is trusted.
///
/// Names from here are never displaced by learned ones, and a learned one is never displaced by another while it is
/// valid. Learned names are bounded: those that were never reached to `unreachedLimit`, the others to `reachedLimit`; in
/// each the one that was confirmed longest ago makes room. A crowd of names that nobody ever dialled displaces itself alone.
struct NameTable {
  /// Where a name comes from; a greater source is trusted more.
  enum Source: Int, Comparable {
    case keepalive
    case hostsFile
    case configuration

    static func < (left: Source, right: Source) -> Bool { left.rawValue < right.rawValue }
  }

  /// What became of a name that was offered.
  enum Outcome: Equatable {
    /// It was not known before, or another stood there that is valid no more.
    case new
    /// It was known already.
    case confirmed
    /// Another name holds that address and keeps it.
    case conflict
  }

  /// How many names from keepalives are kept that no circuit was ever built to.
  static let unreachedLimit = 2_000
  /// How many names from keepalives are kept that a circuit was built to.
  static let reachedLimit = 8_000
  /// How long a learned name holds its address against another.
  static let learnedValidity = Duration.seconds(2 * 60 * 60)

  private struct Entry {
    let name: OnionName
    let source: Source
    var validUntil: Instant
    var capabilities: Capabilities = []
    var isReached = false
  }

  private var entries: [IPv6Address: Entry] = [:]
  private var unreached = LearnedOrder()
  private var reached = LearnedOrder()

  /// How many names are known.
  var count: Int { entries.count }

  /// The name that `address` stands for, if one is known.
  func name(of address: IPv6Address) -> OnionName? { entries[address]?.name }

  /// What the holder of a name has said that it can do.
  func capabilities(of name: OnionName) -> Capabilities {
    guard let entry = entries[name.address], entry.name == name else { return [] }
    return entry.capabilities
  }

  /// Takes note of what the holder of a name says that it can do.
  mutating func note(_ capabilities: Capabilities, of name: OnionName) {
    guard entries[name.address]?.name == name else { return }
    entries[name.address]?.capabilities = capabilities
  }

  /// Takes a name from the operator's configuration.
  mutating func configure(_ name: OnionName) {
    set(Entry(name: name, source: .configuration, validUntil: .distantFuture))
  }

  /// Takes the names of the hosts file in place of those it held before; the names that lost their address to one of
  /// them, or are there no more.
  mutating func replaceHosts(with names: [OnionName]) -> [OnionName] {
    let before = entries.values.filter { $0.source == .hostsFile }.map(\.name)
    let capabilities = Dictionary(uniqueKeysWithValues: before.map { ($0, self.capabilities(of: $0)) })
    for name in before { entries[name.address] = nil }
    var displaced: [OnionName] = []
    for name in names {
      let held = entries[name.address]
      if held?.source == .configuration { continue }
      if let held, held.name != name { displaced.append(held.name) }
      let known = capabilities[name] ?? self.capabilities(of: name)
      set(Entry(name: name, source: .hostsFile, validUntil: .distantFuture, capabilities: known))
    }
    return displaced + before.filter { entries[$0.address]?.name != $0 }
  }

  /// Takes a name that a keepalive claimed.
  mutating func learn(_ name: OnionName, at now: Instant) -> Outcome {
    let validUntil = now + NameTable.learnedValidity
    if let held = entries[name.address] {
      if held.name == name {
        if held.source == .keepalive { entries[name.address]?.validUntil = validUntil }
        return .confirmed
      }
      guard held.source == .keepalive, held.validUntil < now else { return .conflict }
    }
    set(Entry(name: name, source: .keepalive, validUntil: validUntil))
    unreached.append(name.address, validUntil)
    if unreached.count > NameTable.unreachedLimit { dropOldest(reached: false) }
    if unreached.length > 2 * NameTable.unreachedLimit { unreached.forget { entries[$0]?.isReached != false } }
    return .new
  }

  /// Whether all that is known of the name is that somebody claimed it.
  func isUnreached(_ name: OnionName) -> Bool {
    guard let entry = entries[name.address], entry.name == name else { return false }
    return entry.source == .keepalive && !entry.isReached
  }

  /// A circuit was built to the name: it exists.
  mutating func reached(_ name: OnionName) {
    guard isUnreached(name), let validUntil = entries[name.address]?.validUntil else { return }
    entries[name.address]?.isReached = true
    unreached.count -= 1
    reached.append(name.address, validUntil)
    if reached.count > NameTable.reachedLimit { dropOldest(reached: true) }
    if reached.length > 2 * NameTable.reachedLimit { reached.forget { entries[$0]?.isReached != true } }
  }

  private mutating func set(_ entry: Entry) {
    if let held = entries[entry.name.address], held.source == .keepalive {
      if held.isReached { reached.count -= 1 } else { unreached.count -= 1 }
    }
    entries[entry.name.address] = entry
  }

  private mutating func dropOldest(reached isReached: Bool) {
    while let (address, validUntil) = isReached ? reached.popFirst() : unreached.popFirst() {
      guard let entry = entries[address], entry.source == .keepalive, entry.isReached == isReached,
        entry.validUntil >= validUntil
      else { continue }
      if entry.validUntil == validUntil {
        entries[address] = nil
        if isReached { reached.count -= 1 } else { unreached.count -= 1 }
        return
      }
      // It was confirmed since: its turn has not come.
      if isReached { reached.requeue(address, entry.validUntil) } else { unreached.requeue(address, entry.validUntil) }
    }
  }
}

/// Learned names in the order in which they came, each with its validity then. What is gone meanwhile is passed over when
/// its turn comes.
private struct LearnedOrder {
  private var names: [(address: IPv6Address, validUntil: Instant)] = []
  private var first = 0

  /// How many of the names are still there.
  var count = 0
  /// How many names stand in the order, those included that are gone.
  var length: Int { names.count - first }

  mutating func append(_ address: IPv6Address, _ validUntil: Instant) {
    requeue(address, validUntil)
    count += 1
  }

  mutating func requeue(_ address: IPv6Address, _ validUntil: Instant) {
    names.append((address, validUntil))
  }

  mutating func forget(where isGone: (IPv6Address) -> Bool) {
    names = names[first...].filter { !isGone($0.address) }
    first = 0
  }

  mutating func popFirst() -> (address: IPv6Address, validUntil: Instant)? {
    guard first < names.count else { return nil }
    first += 1
    let name = names[first - 1]
    if first > 1_000, first > names.count / 2 {
      names.removeFirst(first)
      first = 0
    }
    return name
  }
}
