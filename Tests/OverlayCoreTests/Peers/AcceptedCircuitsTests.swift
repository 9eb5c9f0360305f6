import Testing

@testable import OverlayCore

@Suite("Places of accepted circuits")
struct AcceptedCircuitsTests {
  /// Circuits that want places.
  private struct Crowd: ~Copyable {
    var calls: AcceptedCircuits
    var table = CircuitTable()
    let limit: Int
    var random: any RandomNumberGenerator = SeededGenerator(seed: 1)

    init(_ bounds: NodeBounds, limit: Int) {
      calls = AcceptedCircuits(bounds)
      self.limit = limit
    }

    /// Adds a circuit of somebody with this standing, and establishes it.
    mutating func add(
      _ standing: Standing, isBelieved: Bool
    ) -> (circuit: CircuitIdentifier, place: AcceptedCircuits.Placement) {
      let now = Instant(nanoseconds: 1_000_000_000_000)
      let circuit = table.insert(Circuit(.accepted, timeout: .zero, at: now))
      table[circuit].standing = standing
      calls.insert(circuit)
      calls.note(circuit, isBelieved: isBelieved)
      return (circuit, calls.establish(circuit, beside: [], limit: limit, at: now, using: &random, in: table))
    }

    /// How many of 20 claims find a place.
    mutating func claims(_ standing: Standing) -> Int {
      var count = 0
      for _ in 0..<20 {
        let (circuit, place) = add(standing, isBelieved: false)
        if place == .taken { count += 1 } else { calls.remove(circuit) }
      }
      return count
    }
  }

  @Test("a claim that is not proven takes the place of one like it, and never that of a stranger who is proven")
  func displacement() {
    var crowd = Crowd(NodeBounds(circuits: 1_000), limit: 20)
    let claim = crowd.add(.stranger, isBelieved: false)
    var places = [claim.place]
    for _ in 0..<9 { places.append(crowd.add(.stranger, isBelieved: true).place) }
    #expect(places.allSatisfy { $0 == .taken })
    let first = crowd.add(.known, isBelieved: false).place
    #expect(first == .takenFrom(claim.circuit))
    crowd.calls.remove(claim.circuit)
    let second = crowd.add(.known, isBelieved: false).place
    #expect(second == .none)
    let proven = crowd.add(.known, isBelieved: true).place
    #expect(proven != .none && proven != .taken)
  }

  @Test("claims of known peers leave a quarter of the unproven places to newcomers, and strangers leave them another")
  func unproven() {
    var crowd = Crowd(NodeBounds(circuits: 1_000, unproven: 20), limit: 1_000)
    let (strangers, known) = (crowd.claims(.stranger), crowd.claims(.known))
    #expect([strangers, known] == [10, 5])
  }
}
