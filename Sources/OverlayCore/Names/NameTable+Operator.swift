/// What the operator sees of the names, and what he has forgotten.
extension NameTable {
  /// The names that are known behind this place, or from the first on, in their order, at most `limit`. It looks at
  /// each, and takes no more memory than for what it returns.
  func known(after place: NamePlace?, limit: Int, at now: Instant) -> [KnownName] {
    var first = FirstPlaces(limit, after: place)
    for given in local.values { first.note(NamePlace(given.source, given.name.address)) }
    for name in hosts.names where local[name.address] == nil && !onThisSide.contains(name.address) {
      first.note(NamePlace(.hostsFile, name.address))
    }
    learned.forEach { first.note(NamePlace($0.source, $0.name.address)) }
    return first.take().compactMap { known(at: $0.address, now) }
  }

  /// The name that is known for an address; `nil` if there is none.
  func known(at address: IPv6Address, _ now: Instant) -> KnownName? {
    if let given = given(at: address) {
      return KnownName(name: given.name, source: given.source, isReached: false, age: nil, expiry: nil)
    }
    guard let record = learned[address] else { return nil }
    let expiry = record.remaining(at: now)
    return KnownName(
      name: record.name, source: record.source, isReached: record.isReached, age: NameTable.learnedValidity - expiry,
      expiry: expiry, teller: record.teller, search: record.search)
  }

  /// A number that changes when a learned name comes or goes that is to be remembered.
  var changes: UInt64 { learned.changes }

  /// The learned names of the identity with this address that are to be remembered.
  func remembered(of identity: IPv6Address, wallClock: Int64, at now: Instant) -> RememberedNames {
    RememberedNames(learned, of: identity, wallClock: wallClock, at: now)
  }
}
