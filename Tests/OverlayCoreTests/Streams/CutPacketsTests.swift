import Testing

@testable import OverlayCore

@Suite("Cut packets")
struct CutPacketsTests {
  private static let start = Instant(nanoseconds: 1_000_000_000_000)

  private var circuits: [CircuitIdentifier]
  private var held = CutPackets(limit: 100_000)

  init() {
    var table = CircuitTable()
    circuits = (0..<50).map { _ in table.insert(Circuit(.accepted, timeout: .zero, at: Self.start)) }
  }

  private mutating func circuit() -> CircuitIdentifier { circuits.removeLast() }

  private mutating func hold(
    _ bytes: Int, _ standing: Standing = .stranger, on circuit: CircuitIdentifier, loan: UInt32 = 1, after seconds: Int
  ) {
    held.note(circuit, holds: bytes, loan: loan, standing: standing, at: Self.start + .seconds(seconds))
  }

  private func excess(after seconds: Int) -> CircuitIdentifier? {
    held.circuitInExcess(at: Self.start + .seconds(seconds))
  }

  @Test("within the bounds nobody makes room")
  mutating func within() {
    for second in 0..<4 { hold(16_384, on: circuit(), after: second) }
    #expect(held.memory == 65_536)
    #expect(excess(after: 100) == nil)
  }

  @Test("who has held most for longest makes room: a small packet for long less than a large one for a moment")
  mutating func weight() {
    let (old, large, small) = (circuit(), circuit(), circuit())
    hold(2_048, on: old, after: 0)
    hold(65_600, on: large, after: 100)
    hold(16_384, on: small, after: 104)
    #expect(excess(after: 103) == old)
    #expect(excess(after: 104) == large)
    held.forget(large)
    #expect(excess(after: 105) == nil)
    #expect(held.memory == 18_432)
  }

  @Test("a circuit that has brought nothing goes before one that has, unless the other holds sixteen times as much")
  mutating func unproven() {
    let (proven, unproven, later) = (circuit(), circuit(), circuit())
    hold(32_768, on: proven, after: 0)
    hold(4_096, .unproven, on: unproven, after: 0)
    hold(65_600, on: later, after: 10)
    #expect(excess(after: 10) == unproven)
    held.forget(unproven)
    hold(2_048, .unproven, on: unproven, after: 9)
    #expect(excess(after: 10) == proven)
  }

  @Test("a quarter is for known peers, who make room when nobody else holds any")
  mutating func known() {
    let (known, stranger, another) = (circuit(), circuit(), circuit())
    hold(32_768, .known, on: known, after: 0)
    hold(65_600, on: stranger, after: 0)
    #expect(excess(after: 50) == nil)
    hold(16_384, on: another, after: 50)
    #expect(excess(after: 50) == stranger)
    held.forget(stranger)
    held.forget(another)
    let others = [circuit(), circuit()]
    for other in others { hold(65_600, .known, on: other, after: 10) }
    #expect(excess(after: 12) == known)
    held.forget(known)
    #expect(excess(after: 12) == others[0])
    held.forget(others[0])
    #expect(excess(after: 12) == nil)
  }

  @Test("what is held stays as old as it is until more is lent")
  mutating func age() {
    let (first, second) = (circuit(), circuit())
    hold(65_600, .known, on: first, after: 0)
    hold(65_600, .known, on: second, after: 5)
    hold(65_600, .known, on: first, after: 9)
    #expect(excess(after: 10) == first)
    hold(65_600, .known, on: first, loan: 2, after: 9)
    #expect(excess(after: 10) == second)
    hold(0, on: second, loan: 2, after: 10)
    #expect(excess(after: 10) == nil)
    #expect(held.memory == 65_600)
  }

  @Test("any order of what comes and goes leaves the sums right and the lists whole", arguments: 0..<4 as Range<UInt64>)
  mutating func model(_ seed: UInt64) {
    var random = SeededGenerator(seed: 700 + seed)
    var model: [CircuitIdentifier: (bytes: Int, standing: Standing)] = [:]
    for step in 0..<4_000 {
      let circuit = circuits[Int.random(in: circuits.indices, using: &random)]
      if Int.random(in: 0..<4, using: &random) == 0 {
        held.forget(circuit)
        model[circuit] = nil
      } else {
        let bytes = [0, 2_048, 4_096, 8_192, 16_384, 32_768, 65_600][Int.random(in: 0..<7, using: &random)]
        let standing = Standing.allCases[Int.random(in: 0..<3, using: &random)]
        hold(bytes, standing, on: circuit, loan: UInt32(step), after: step)
        model[circuit] = bytes > 0 ? (bytes, standing) : nil
      }
      var count = 0
      while let excess = excess(after: step), count < 60 {
        #expect(model[excess] != nil)
        held.forget(excess)
        model[excess] = nil
        count += 1
      }
      #expect(held.memory == model.values.reduce(0) { $0 + $1.bytes })
      #expect(held.strangersMemory == model.values.filter { $0.standing != .known }.reduce(0) { $0 + $1.bytes })
    }
  }
}
