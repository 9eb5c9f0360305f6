import Testing

@testable import OverlayCore

@Suite("Circuit table")
struct CircuitTableTests {
  private static func circuit(_ number: Int) -> Circuit {
    Circuit(.accepted, timeout: .zero, at: Instant(nanoseconds: UInt64(number)))
  }

  @Test("a circuit is found by its identifier until it is removed")
  func lookUp() {
    var table = CircuitTable()
    let identifiers = (0..<100).map { table.insert(Self.circuit($0)) }
    #expect(table.count == 100)
    for (number, identifier) in identifiers.enumerated() {
      #expect(table[identifier].began == Instant(nanoseconds: UInt64(number)))
    }
    let removed = table.remove(identifiers[7])?.began
    #expect(removed == Instant(nanoseconds: 7))
    #expect(table.contains(identifiers[7]) == false)
    let again = table.remove(identifiers[7])?.began
    #expect(again == nil)
    #expect(table.count == 99)
    #expect(Set(table.identifiers) == Set(identifiers).subtracting([identifiers[7]]))
  }

  @Test("a circuit is changed in place")
  func change() {
    var table = CircuitTable()
    let identifier = table.insert(Self.circuit(1))
    table[identifier].preamble = [1, 2, 3]
    #expect(table[identifier].preamble == [1, 2, 3])
  }

  @Test("an identifier is never used again, though its place is")
  func unique() {
    var random = SeededGenerator(seed: 80)
    var table = CircuitTable()
    var alive: [CircuitIdentifier] = []
    var used: Set<CircuitIdentifier> = []
    for number in 0..<5_000 {
      if !alive.isEmpty, Int.random(in: 0..<100, using: &random) < 48 {
        let identifier = alive.remove(at: Int.random(in: alive.indices, using: &random))
        let isRemoved = table.remove(identifier) != nil
        #expect(isRemoved)
      } else {
        let identifier = table.insert(Self.circuit(number))
        #expect(used.insert(identifier).inserted)
        alive.append(identifier)
      }
    }
    #expect(table.count == alive.count)
    #expect(Set(table.identifiers) == Set(alive))
    let dead = used.subtracting(alive)
    let found = dead.count { table.contains($0) }
    #expect(found == 0)
  }

  @Test("an empty table knows nobody's identifier")
  func stranger() {
    var other = CircuitTable()
    let identifier = other.insert(Self.circuit(1))
    var table = CircuitTable()
    #expect(table.contains(identifier) == false)
    let isNothing = table.remove(identifier) == nil
    #expect(isNothing)
  }
}
