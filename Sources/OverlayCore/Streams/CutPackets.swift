/// What every circuit holds of a packet that has not come whole, since when, and which circuit makes room for others.
///
/// All hold `limit` bytes together at the most, and those that no peer of the operator's is known on three quarters of
/// that: the rest is for peers that he knows. Past a bound the circuit is to be closed that has held most for longest, the
/// product of both, where what is held on a circuit that has brought nothing yet counts `unprovenWeight` times. A good
/// packet comes in a moment: whoever would have it closed must send as much as he wants to be held in as little time.
/// A peer that the operator knows is closed last of all.
///
/// Circuits stand in lists by standing and by size, each in the order in which it came to hold that, so that only the
/// first ones are compared, however many there are. The counter `reassemblyLimit` shows how many were closed.
struct CutPackets {
  /// How many times more what is held counts on a circuit that has brought nothing yet.
  static let unprovenWeight = 16.0

  private static let none: Int32 = -1

  /// What a circuit holds; by its slot.
  private struct Holding {
    var circuit: CircuitIdentifier
    // Which list it is in; negative for none.
    var list = CutPackets.none
    var previous = CutPackets.none
    var next = CutPackets.none
    var memory = 0
    var loan: UInt32 = 0
    var since = Instant(nanoseconds: 0)
  }

  private struct List {
    var first = CutPackets.none
    var last = CutPackets.none
  }

  private let limit: Int
  private var holdings: [Holding] = []
  private var lists = [List](repeating: List(), count: Standing.allCases.count * PacketStore.sizeCount)

  /// How many bytes all circuits hold.
  private(set) var memory = 0
  /// How many of them those hold that the operator does not know.
  private(set) var strangersMemory = 0

  /// Nothing is held, and together no more than `limit` bytes are to be.
  init(limit: Int) {
    self.limit = limit
  }

  /// A circuit was read, and holds so many bytes now; `loan` is another number whenever it was lent room anew.
  mutating func note(
    _ circuit: CircuitIdentifier, holds bytes: Int, loan: UInt32, standing: Standing, at now: Instant
  ) {
    while holdings.count <= circuit.slot { holdings.append(Holding(circuit: circuit)) }
    let isListed = holdings[circuit.slot].list != CutPackets.none
    if isListed, bytes > 0, holdings[circuit.slot].loan == loan { return }
    if isListed { unlink(circuit.slot) }
    guard bytes > 0 else { return }
    holdings[circuit.slot] = Holding(circuit: circuit, memory: bytes, loan: loan, since: now)
    link(circuit.slot, standing)
  }

  /// A circuit is gone, and with it what it held.
  mutating func forget(_ circuit: CircuitIdentifier) {
    guard circuit.slot < holdings.count, holdings[circuit.slot].list != CutPackets.none else { return }
    unlink(circuit.slot)
  }

  /// The circuit that is to be closed because a bound is passed; `nil` if none is.
  func circuitInExcess(at now: Instant) -> CircuitIdentifier? {
    guard memory > limit || strangersMemory > limit - limit / 4 else { return nil }
    var worst: (circuit: CircuitIdentifier, weight: Double)?
    for standing in [Standing.unproven, .stranger, .known] {
      if standing == .known, worst != nil { break }
      for size in 0..<PacketStore.sizeCount {
        let first = lists[CutPackets.list(standing, size)].first
        guard first != CutPackets.none else { continue }
        let holding = holdings[Int(first)]
        // A moment is added, so that of those that came just now the one that holds most goes.
        let held = Double(holding.memory) * (now - holding.since + .milliseconds(1)).seconds
        let weight = standing == .unproven ? held * CutPackets.unprovenWeight : held
        if worst.map({ weight > $0.weight }) ?? true { worst = (holding.circuit, weight) }
      }
    }
    return worst?.circuit
  }

  private static func list(_ standing: Standing, _ size: Int) -> Int {
    standing.rawValue * PacketStore.sizeCount + size
  }

  private mutating func link(_ slot: Int, _ standing: Standing) {
    let bytes = holdings[slot].memory
    let list = CutPackets.list(standing, PacketStore.pool(for: bytes))
    let last = lists[list].last
    holdings[slot].list = Int32(list)
    holdings[slot].previous = last
    if last == CutPackets.none { lists[list].first = Int32(slot) } else { holdings[Int(last)].next = Int32(slot) }
    lists[list].last = Int32(slot)
    memory += bytes
    if standing != .known { strangersMemory += bytes }
  }

  private mutating func unlink(_ slot: Int) {
    let holding = holdings[slot]
    let list = Int(holding.list)
    if holding.previous == CutPackets.none {
      lists[list].first = holding.next
    } else {
      holdings[Int(holding.previous)].next = holding.next
    }
    if holding.next == CutPackets.none {
      lists[list].last = holding.previous
    } else {
      holdings[Int(holding.next)].previous = holding.previous
    }
    holdings[slot].list = CutPackets.none
    memory -= holding.memory
    if list < CutPackets.list(.known, 0) { strangersMemory -= holding.memory }
  }
}
