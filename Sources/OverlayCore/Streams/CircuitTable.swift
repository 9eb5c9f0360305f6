/// The circuits that are there, each found by its identifier in one step.
struct CircuitTable: ~Copyable {
  private var circuits = Slots<Circuit>()
  // Which circuit lies in a slot; zero, which no circuit has: none.
  private var serials: [UInt64] = []
  private var lastSerial: UInt64 = 0

  /// How many circuits there are.
  var count: Int { circuits.count }

  /// The identifiers of all circuits.
  var identifiers: [CircuitIdentifier] {
    serials.indices.filter { serials[$0] != 0 }.map { CircuitIdentifier(slot: $0, serial: serials[$0]) }
  }

  /// The identifier of the circuit in a slot; `nil` if none is there.
  func identifier(inSlot slot: Int) -> CircuitIdentifier? {
    guard serials.indices.contains(slot), serials[slot] != 0 else { return nil }
    return CircuitIdentifier(slot: slot, serial: serials[slot])
  }

  /// Takes `circuit` in; the identifier by which it is found.
  mutating func insert(_ circuit: consuming Circuit) -> CircuitIdentifier {
    let slot = circuits.insert(circuit)
    while serials.count <= slot { serials.append(0) }
    lastSerial += 1
    serials[slot] = lastSerial
    return CircuitIdentifier(slot: slot, serial: lastSerial)
  }

  /// Whether the circuit is still there.
  func contains(_ identifier: CircuitIdentifier) -> Bool {
    serials.indices.contains(identifier.slot) && serials[identifier.slot] == identifier.serial
  }

  /// Takes the circuit out; `nil` if it is gone already.
  mutating func remove(_ identifier: CircuitIdentifier) -> Circuit? {
    guard contains(identifier) else { return nil }
    serials[identifier.slot] = 0
    return circuits.remove(identifier.slot)
  }

  /// The circuit, in place. It must be there: whoever brings an identifier from outside asks `contains` first.
  subscript(identifier: CircuitIdentifier) -> Circuit {
    unsafeAddress { address(of: identifier) }
    unsafeMutableAddress { UnsafeMutablePointer(mutating: address(of: identifier)) }
  }

  /// Where the circuit lies until the table changes. It must be there.
  func address(of identifier: CircuitIdentifier) -> UnsafePointer<Circuit> {
    precondition(contains(identifier), "a circuit that is gone was used")
    return circuits.address(of: identifier.slot)
  }
}
