/// The addresses of learned names in the order in which they came, each with a mark by which it is found out whether that
/// still holds when its turn comes. What is gone meanwhile is passed over.
struct LearnedOrder {
  private var names: [(address: IPv6Address, mark: UInt64)] = []
  private var first = 0

  /// How many of the names are still there.
  var count = 0
  /// How many names stand in the order, those included that are gone.
  var length: Int { names.count - first }

  /// Puts a name behind the others that was not there.
  mutating func append(_ address: IPv6Address, _ mark: UInt64) {
    requeue(address, mark)
    count += 1
  }

  /// Puts a name behind the others that was taken out.
  mutating func requeue(_ address: IPv6Address, _ mark: UInt64) {
    names.append((address, mark))
  }

  /// Takes out names that are gone, and all but the first place of one that was gone and came again.
  mutating func forget(where isGone: (IPv6Address, _ mark: UInt64) -> Bool) {
    var kept: Set<IPv6Address> = []
    names = names[first...].filter { !isGone($0.address, $0.mark) && kept.insert($0.address).inserted }
    first = 0
  }

  /// Takes out the first.
  mutating func popFirst() -> (address: IPv6Address, mark: UInt64)? {
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
