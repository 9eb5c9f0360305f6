/// Which onion name an overlay address stands for, and how much that is trusted.
///
/// Names from here are never displaced by learned ones, and a learned one is never displaced by another while it is
/// valid. Learned names are bounded to `learnedLimit`: the one that was confirmed longest ago makes room.
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

  /// How many names from keepalives are kept.
  static let learnedLimit = 10_000
  /// How long a learned name holds its address against another.
  static let learnedValidity = Duration.seconds(2 * 60 * 60)

  private struct Entry {
    let name: OnionName
    let source: Source
    var validUntil: Instant
    var capabilities: Capabilities = []
  }

  private var entries: [IPv6Address: Entry] = [:]
  private var learnedCount = 0
  // Learned names in the order in which they came, each with its validity then: one that was confirmed since goes to
  // the end when its turn to make room comes. Names that are gone stay until then, so there may be more than entries.
  private var learnedOrder: [(address: IPv6Address, validUntil: Instant)] = []
  private var oldestLearned = 0

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
    for name in before { entries[name.address] = nil }
    var displaced: [OnionName] = []
    for name in names {
      let held = entries[name.address]
      if held?.source == .configuration { continue }
      if let held, held.name != name { displaced.append(held.name) }
      set(Entry(name: name, source: .hostsFile, validUntil: .distantFuture))
    }
    return displaced + before.filter { entries[$0.address]?.name != $0 }
  }

  /// Takes a name that a keepalive claimed.
  mutating func learn(_ name: OnionName, at now: Instant) -> Outcome {
    if let held = entries[name.address] {
      if held.name == name {
        if held.source == .keepalive { entries[name.address]?.validUntil = now + NameTable.learnedValidity }
        return .confirmed
      }
      guard held.source == .keepalive, held.validUntil < now else { return .conflict }
    } else if learnedCount >= NameTable.learnedLimit {
      dropOldestLearned()
    }
    let validUntil = now + NameTable.learnedValidity
    set(Entry(name: name, source: .keepalive, validUntil: validUntil))
    learnedOrder.append((name.address, validUntil))
    return .new
  }

  private mutating func set(_ entry: Entry) {
    if entries[entry.name.address]?.source == .keepalive { learnedCount -= 1 }
    if entry.source == .keepalive { learnedCount += 1 }
    entries[entry.name.address] = entry
  }

  private mutating func dropOldestLearned() {
    while oldestLearned < learnedOrder.count {
      let (address, validUntil) = learnedOrder[oldestLearned]
      oldestLearned += 1
      guard let entry = entries[address], entry.source == .keepalive, entry.validUntil >= validUntil else { continue }
      if entry.validUntil > validUntil {
        learnedOrder.append((address, entry.validUntil))
        continue
      }
      entries[address] = nil
      learnedCount -= 1
      break
    }
    guard oldestLearned > NameTable.learnedLimit else { return }
    learnedOrder.removeFirst(oldestLearned)
    oldestLearned = 0
  }
}
