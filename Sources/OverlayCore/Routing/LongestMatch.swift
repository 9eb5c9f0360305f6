/// A longest match finds the longest of some prefixes that holds an address. It keeps the prefixes as ranges side by
/// side, in which one binary search finds the answer.
struct LongestMatch<Key: FixedWidthInteger & UnsignedInteger & Sendable>: Sendable {
  /// A prefix: its first address, the number of its leading bits, and what it matches.
  struct Entry {
    let first: Key
    let length: Int
    let match: RouteTable.Match

    /// The last address of the prefix.
    fileprivate var last: Key { first | (length >= Key.bitWidth ? 0 : Key.max >> length) }
  }

  // Each range ends where the next begins; the first begins at zero.
  private var starts: [Key] = [0]
  private var matches: [RouteTable.Match] = [.none]

  /// Makes a longest match of these prefixes, no two of which are the same.
  init(_ entries: [Entry]) {
    // The prefixes that the next one may lie in, the longest last.
    var open: [Entry] = []
    for entry in entries.sorted(by: { ($0.first, $0.length) < ($1.first, $1.length) }) {
      while let inner = open.last, inner.last < entry.first { close(&open) }
      open.append(entry)
      begin(entry.first, entry.match)
    }
    while !open.isEmpty { close(&open) }
  }

  /// Returns the match of an address.
  func match(_ key: Key) -> RouteTable.Match { matches[starts.lastIndex(atMost: key)] }

  private mutating func close(_ open: inout [Entry]) {
    let inner = open.removeLast()
    guard inner.last < Key.max else { return }
    begin(inner.last + 1, open.last?.match ?? .none)
  }

  private mutating func begin(_ start: Key, _ match: RouteTable.Match) {
    if starts.last == start {
      matches[matches.count - 1] = match
    } else {
      starts.append(start)
      matches.append(match)
    }
  }
}

extension Array where Element: Comparable {
  /// Returns the index of the last element that is not greater than `key`, of elements that ascend; 0 if there is none.
  func lastIndex(atMost key: Element) -> Int {
    var low = 0
    var high = count
    while high - low > 1 {
      let middle = (low + high) / 2
      if self[middle] <= key { low = middle } else { high = middle }
    }
    return low
  }
}
