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
    let expiry = record.validUntil - now
    return KnownName(
      name: record.name, source: record.source, isReached: record.isReached, age: NameTable.learnedValidity - expiry,
      expiry: expiry)
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
