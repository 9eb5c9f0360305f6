/// The addresses of learned names in the order in which they came, each with a mark. When an address is taken, its mark
/// tells whether the place is still valid; addresses that are gone are passed over.
struct LearnedOrder {
  private var names: [(address: IPv6Address, mark: UInt64)] = []
  private var start = 0

  /// The number of names that are still there.
  var count = 0
  /// The number of places, those of names that are gone included.
  var length: Int { names.count - start }

  /// Appends a new name.
  mutating func append(_ address: IPv6Address, _ mark: UInt64) {
    requeue(address, mark)
    count += 1
  }

  /// Appends a name that was taken out.
  mutating func requeue(_ address: IPv6Address, _ mark: UInt64) {
    names.append((address, mark))
  }

  /// Removes names that are gone, and all but the first place of a name that was gone and came again.
  mutating func forget(where isGone: (IPv6Address, _ mark: UInt64) -> Bool) {
    var kept: Set<IPv6Address> = []
    names = names[start...].filter { !isGone($0.address, $0.mark) && kept.insert($0.address).inserted }
    start = 0
  }

  /// The first place; `nil` if there is none.
  var first: (address: IPv6Address, mark: UInt64)? { start < names.count ? names[start] : nil }

  /// Removes the first place and returns it; `nil` if there is none.
  mutating func popFirst() -> (address: IPv6Address, mark: UInt64)? {
    guard start < names.count else { return nil }
    start += 1
    let name = names[start - 1]
    if start > 1_000, start > names.count / 2 {
      names.removeFirst(start)
      start = 0
    }
    return name
  }
}
