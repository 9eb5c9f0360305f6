/// The place of a name in the order in which names are shown: those from better sources first, and those from one
/// source by their addresses. It tells where to go on after a part of them, whatever comes and goes meanwhile.
public struct NamePlace: Comparable, Hashable, Sendable {
  /// Where the name comes from.
  public let source: NameSource
  /// Its address.
  public let address: IPv6Address

  /// The place of a name from this source with this address.
  public init(_ source: NameSource, _ address: IPv6Address) { (self.source, self.address) = (source, address) }

  /// Returns whether the left one comes first.
  public static func < (left: NamePlace, right: NamePlace) -> Bool {
    guard left.source == right.source else { return left.source > right.source }
    let (left, right) = (left.address, right.address)
    return left.high == right.high ? left.low < right.low : left.high < right.high
  }
}

extension KnownName {
  /// Its place in the order in which names are shown.
  public var place: NamePlace { NamePlace(source, name.address) }
}

/// The first of many places behind one, in memory for twice as many.
struct FirstPlaces {
  private let limit: Int
  private let start: NamePlace?
  private var found: [NamePlace] = []
  // The last of `limit` that were found: none behind it is wanted.
  private var last: NamePlace?

  /// At most `limit` behind `start`, or from the beginning.
  init(_ limit: Int, after start: NamePlace?) { (self.limit, self.start) = (max(0, limit), start) }

  /// Takes note of a place.
  mutating func note(_ place: NamePlace) {
    if let start, place <= start { return }
    if let last, place >= last { return }
    found.append(place)
    if found.count >= 2 * limit + 1 { cut() }
  }

  /// The places in their order.
  consuming func take() -> [NamePlace] {
    cut()
    return found
  }

  private mutating func cut() {
    found.sort()
    guard found.count >= limit else { return }
    found.removeLast(found.count - limit)
    last = found.last
  }
}
