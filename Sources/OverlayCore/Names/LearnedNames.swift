/// The names that were learned, by their addresses, each in one of three orders.
///
/// A name takes at most 160 bytes, of 100,000 names and with all that finds them: the records stand in chunks, which
/// never move, and an open-addressing table of their places leads to them, filled to three quarters at most. Orders are
/// lists through the records. Everything takes the same short time, however many names there are.
struct LearnedNames: Sendable {
  /// The order in which a name stands.
  enum Order: UInt8, CaseIterable {
    /// No circuit to it was ever built.
    case unreached
    /// The same, and the circuits that claimed it are closed.
    case abandoned
    /// A circuit to it was built.
    case reached
  }

  /// What is known of a name.
  struct Record: Sendable {
    /// The name.
    fileprivate(set) var name: OnionName
    /// The time until which it keeps its address, from the clock's start on. It is negative if that was before, as of a
    /// name that was remembered.
    var validUntil: Duration
    /// Of a name that was never reached: the time until which a packet for it is worth a dial.
    var wantedUntil = Instant(nanoseconds: 0)
    fileprivate var previous = LearnedNames.nowhere
    fileprivate var next = LearnedNames.nowhere
    /// What its host has told of itself.
    var capabilities: Capabilities?
    /// Where it comes from.
    var source: NameSource
    /// The order in which it stands.
    fileprivate(set) var order: Order
    /// Whether the last dial to it failed.
    var hasFailed = false
    /// Of a name that was never reached: whether nobody has told it but who claims to have it, so that it is a
    /// stranger's.
    var isOnlyClaimed: Bool
    /// How long it was searched for, in milliseconds; the greatest number if it was not.
    private var searchTime = UInt32.max
    private var packedTeller = PackedTeller(nil)

    /// Makes the record of a name that stands nowhere yet.
    init(_ name: OnionName, from source: NameSource, validUntil: Duration, order: Order = .unreached) {
      (self.name, self.source, self.validUntil, self.order) = (name, source, validUntil, order)
      isOnlyClaimed = source == .keepalive
    }

    /// Who told it; `nil` if that is not known.
    var teller: NameTeller? { packedTeller.teller }
    /// How long it was searched for; `nil` if it was not.
    var search: Duration? { searchTime == .max ? nil : .milliseconds(searchTime) }

    /// Notes who has told it, and how long it was searched for.
    mutating func note(_ teller: NameTeller?, after search: Duration?) {
      packedTeller = PackedTeller(teller)
      searchTime = search.map { UInt32(clamping: $0.nanoseconds / 1_000_000) } ?? .max
    }

    /// Whether a circuit to it was built.
    var isReached: Bool { order == .reached }
    /// Whether it is more than the claim of a stranger, or what a program asked for, to be known to the next run, too.
    var isWorthRemembering: Bool { isReached || !isOnlyClaimed && teller != .program }

    /// Returns the time until it keeps its address no more; negative if it does not now.
    func remaining(at now: Instant) -> Duration { validUntil - now.sinceStart }
  }

  /// The place of a record, until a name is removed.
  struct Place: Equatable {
    fileprivate let number: UInt32
  }

  private struct List {
    var first = LearnedNames.nowhere
    var last = LearnedNames.nowhere
    var count = 0
  }

  fileprivate static let nowhere = UInt32.max

  private var records = Records()
  // Those that hold no name, linked by `next`.
  private var free = LearnedNames.nowhere
  // The places of records by the hashes of their addresses. As many as a power of two, or none.
  private var table: [UInt32] = []
  private var lists = [List](repeating: List(), count: Order.allCases.count)

  /// A number that changes when a name that is to be remembered comes or goes.
  private(set) var changes: UInt64 = 0

  /// The number of names.
  var count: Int { lists.reduce(0) { $0 + $1.count } }

  /// The number of names in an order.
  func count(of order: Order) -> Int { lists[Int(order.rawValue)].count }

  /// Returns the place of the name with this address; `nil` if there is none.
  func find(_ address: IPv6Address) -> Place? {
    bucket(of: address).map { Place(number: table[$0]) }
  }

  /// The record at a place.
  subscript(place: Place) -> Record {
    get { records[place.number] }
    set {
      if records[place.number].isWorthRemembering != newValue.isWorthRemembering { changes += 1 }
      records[place.number] = newValue
    }
  }

  /// The record of the name with this address; `nil` if there is none.
  subscript(address: IPv6Address) -> Record? { find(address).map { self[$0] } }

  /// The place of the first name in an order; `nil` if there is none.
  func first(of order: Order) -> Place? {
    let first = lists[Int(order.rawValue)].first
    return first == LearnedNames.nowhere ? nil : Place(number: first)
  }

  /// Calls `body` with each record, in no order.
  func forEach(_ body: (Record) -> Void) {
    for order in Order.allCases {
      var number = lists[Int(order.rawValue)].first
      while number != LearnedNames.nowhere {
        body(records[number])
        number = records[number].next
      }
    }
  }

  /// Adds a record at the end of its order. There must be none with its address.
  mutating func insert(_ record: Record) {
    if 4 * (count + 1) > 3 * table.count { growTable() }
    let number: UInt32
    if free == LearnedNames.nowhere {
      number = records.append(record)
    } else {
      number = free
      free = records[number].next
      records[number] = record
    }
    link(number, record.order)
    place(number)
    if record.isWorthRemembering { changes += 1 }
  }

  /// Moves a name to the end of an order.
  mutating func move(_ place: Place, toEndOf order: Order) {
    let old = records[place.number].order
    if old != order, old == .reached || order == .reached { changes += 1 }
    unlink(place.number)
    records[place.number].order = order
    link(place.number, order)
  }

  /// Removes a name, and returns what was known of it; `nil` if there is none with this address.
  @discardableResult mutating func remove(_ address: IPv6Address) -> Record? {
    guard let bucket = bucket(of: address) else { return nil }
    let number = table[bucket]
    let record = records[number]
    empty(bucket)
    unlink(number)
    records[number].next = free
    free = number
    if record.isWorthRemembering { changes += 1 }
    // What a crowd took is given back when it is gone.
    if count == 0 { removeAll() }
    return record
  }

  /// Removes all names.
  mutating func removeAll() {
    let changes = changes + 1
    self = LearnedNames()
    self.changes = changes
  }

  // MARK: - The lists

  private mutating func link(_ number: UInt32, _ order: Order) {
    let list = Int(order.rawValue)
    let last = lists[list].last
    records[number].previous = last
    records[number].next = LearnedNames.nowhere
    if last == LearnedNames.nowhere { lists[list].first = number } else { records[last].next = number }
    lists[list].last = number
    lists[list].count += 1
  }

  private mutating func unlink(_ number: UInt32) {
    let (list, previous, next) = (
      Int(records[number].order.rawValue), records[number].previous, records[number].next
    )
    if previous == LearnedNames.nowhere { lists[list].first = next } else { records[previous].next = next }
    if next == LearnedNames.nowhere { lists[list].last = previous } else { records[next].previous = previous }
    lists[list].count -= 1
  }

  // MARK: - The table

  // The standard library's hash has a seed of this run, so that nobody can choose addresses that meet.
  private func home(of address: IPv6Address) -> Int { address.hashValue & (table.count - 1) }

  private func bucket(of address: IPv6Address) -> Int? {
    guard !table.isEmpty else { return nil }
    var bucket = home(of: address)
    while table[bucket] != LearnedNames.nowhere {
      if records[table[bucket]].name.address == address { return bucket }
      bucket = (bucket + 1) & (table.count - 1)
    }
    return nil
  }

  private mutating func place(_ number: UInt32) {
    var bucket = home(of: records[number].name.address)
    while table[bucket] != LearnedNames.nowhere { bucket = (bucket + 1) & (table.count - 1) }
    table[bucket] = number
  }

  /// Empties a bucket, and moves those behind it that would not be found any more.
  private mutating func empty(_ bucket: Int) {
    let mask = table.count - 1
    var (hole, bucket) = (bucket, bucket)
    table[hole] = LearnedNames.nowhere
    while true {
      bucket = (bucket + 1) & mask
      guard table[bucket] != LearnedNames.nowhere else { return }
      let home = home(of: records[table[bucket]].name.address)
      guard (bucket - home) & mask >= (bucket - hole) & mask else { continue }
      table[hole] = table[bucket]
      table[bucket] = LearnedNames.nowhere
      hole = bucket
    }
  }

  private mutating func growTable() {
    let old = table
    table = [UInt32](repeating: LearnedNames.nowhere, count: max(16, 2 * old.count))
    for number in old where number != LearnedNames.nowhere { place(number) }
  }
}

/// Records by their numbers, which are given from 0 on. A record stays where it is: to copy all into a longer array
/// would let packets wait, and leave holes in memory.
private struct Records: Sendable {
  private static let chunk: UInt32 = 256

  private var chunks: [[LearnedNames.Record]] = []

  subscript(number: UInt32) -> LearnedNames.Record {
    get { chunks[Int(number / Records.chunk)][Int(number % Records.chunk)] }
    _modify { yield &chunks[Int(number / Records.chunk)][Int(number % Records.chunk)] }
  }

  /// Adds a record, and returns its number.
  mutating func append(_ record: LearnedNames.Record) -> UInt32 {
    if chunks.last.map({ $0.count == Records.chunk }) ?? true {
      var chunk: [LearnedNames.Record] = []
      chunk.reserveCapacity(Int(Records.chunk))
      chunks.append(chunk)
    }
    let last = chunks.count - 1
    chunks[last].append(record)
    return UInt32(last) * Records.chunk + UInt32(chunks[last].count - 1)
  }
}
