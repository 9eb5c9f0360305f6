/// What the operator sees of the names, and what he has forgotten.
extension NameTable {
  /// The names that are known, at most `limit`, in no order. It looks at each.
  func known(limit: Int, at now: Instant) -> [KnownName] {
    addresses(limit: limit).compactMap { known(at: $0, now) }
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

  private func addresses(limit: Int) -> [IPv6Address] {
    var addresses = Array(local.keys.prefix(limit))
    addresses += learned.addresses(limit: limit - addresses.count)
    let others = hosts.names.lazy.map(\.address).filter { [local, onThisSide] address in
      local[address] == nil && !onThisSide.contains(address)
    }
    return addresses + others.prefix(max(0, limit - addresses.count))
  }
}
