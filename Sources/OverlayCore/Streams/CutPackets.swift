/// Cut packets are packets of which a part has come. This table knows how much memory each circuit holds for its cut
/// packet and since when, and it chooses the circuit that is closed when all of them hold too much.
///
/// Together they hold at most `limit` bytes, and the circuits of strangers at most three quarters of that; the rest is
/// reserved for peers that the operator knows. Past a bound the table chooses the circuit with the greatest weight: the
/// bytes that it holds times the time for which it has held them, and `unprovenWeight` times as much for a circuit that
/// has brought nothing yet. An honest packet is complete in a moment. So whoever wants another's circuit closed must
/// send as many bytes in as little time as the other. A peer that the operator knows is closed last. The counter
/// `reassemblyLimit` shows how many circuits were closed.
///
/// Circuits are in lists by standing and by size, each in the order of time, so that a choice compares only the first
/// circuit of each list, however many circuits there are.
struct CutPackets {
  /// The most memory that the cut packets of all circuits of a daemon take together, in bytes.
  static let memoryLimit = 16 << 20
  /// The memory by which the cut packets of a node can exceed their bound until a circuit is closed, in bytes: that of
  /// one packet, which turns out to be long and moves to a larger slot.
  static let slack = PacketStore.largeSize + PacketStore.smallSize
  /// The factor of the weight of a circuit that has brought nothing yet.
  static let unprovenWeight = 16.0

  private static let none: Int32 = -1

  /// The memory that a circuit holds. Holdings stand in an array by the circuit's slot.
  private struct Holding {
    var circuit: CircuitIdentifier
    // The list that the holding is in; `none` if it is in no list.
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

  /// The number of bytes that all circuits hold.
  private(set) var memory = 0
  /// The number of bytes that circuits hold which are of no peer that the operator knows.
  private(set) var strangersMemory = 0

  /// Makes a table of no holdings, whose bound is `limit` bytes.
  init(limit: Int) {
    self.limit = limit
  }

  /// Notes that a circuit was read and holds `bytes` bytes now. `loan` is the number of `Defragmenter.loan`: while it
  /// is the same, the circuit holds the same memory as before.
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

  /// Forgets a circuit that is gone, and the memory that it held.
  mutating func forget(_ circuit: CircuitIdentifier) {
    guard circuit.slot < holdings.count, holdings[circuit.slot].list != CutPackets.none else { return }
    unlink(circuit.slot)
  }

  /// Returns the circuit that has to be closed because a bound is passed; `nil` if none is.
  func circuitInExcess(at now: Instant) -> CircuitIdentifier? {
    guard memory > limit || strangersMemory > limit - limit / 4 else { return nil }
    var worst: (circuit: CircuitIdentifier, weight: Double)?
    for standing in [Standing.unproven, .stranger, .known] {
      if standing == .known, worst != nil { break }
      for size in 0..<PacketStore.sizeCount {
        let first = lists[CutPackets.list(standing, size)].first
        guard first != CutPackets.none else { continue }
        let holding = holdings[Int(first)]
        // A millisecond is added, so that of several that came just now the one that holds most is closed.
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
