/// What the operator sees of the names, and what he has forgotten.
extension NameTable {
  /// The names that are known, at most `limit`, in no order. It looks at each.
  func known(limit: Int, at now: Instant) -> [KnownName] {
    addresses(limit: limit).compactMap { known(at: $0, now) }
  }

  /// The name that is known for an address; `nil` if there is none.
  func known(at address: IPv6Address, _ now: Instant) -> KnownName? {
    guard let (name, source, isReached, validUntil) = description(of: address) else { return nil }
    guard source.isLearned else {
      return KnownName(name: name, source: source, isReached: isReached, age: nil, expiry: nil)
    }
    let expiry = validUntil - now
    return KnownName(
      name: name, source: source, isReached: isReached, age: NameTable.learnedValidity - expiry, expiry: expiry)
  }
}
