/// The circuit table holds all circuits. It finds a circuit by its identifier in one step.
struct CircuitTable: ~Copyable {
  private var circuits = Slots<Circuit>()
  // The serial number of the circuit in each slot, or zero, which no circuit has, for an empty slot.
  private var serials: [UInt64] = []
  private var lastSerial: UInt64 = 0

  /// The number of circuits.
  var count: Int { circuits.count }

  /// The identifiers of all circuits.
  var identifiers: [CircuitIdentifier] {
    serials.indices.filter { serials[$0] != 0 }.map { CircuitIdentifier(slot: $0, serial: serials[$0]) }
  }

  /// Returns the identifier of the circuit in a slot; `nil` if the slot is empty.
  func identifier(inSlot slot: Int) -> CircuitIdentifier? {
    guard serials.indices.contains(slot), serials[slot] != 0 else { return nil }
    return CircuitIdentifier(slot: slot, serial: serials[slot])
  }

  /// Adds `circuit`, and returns its identifier.
  mutating func insert(_ circuit: consuming Circuit) -> CircuitIdentifier {
    let slot = circuits.insert(circuit)
    while serials.count <= slot { serials.append(0) }
    lastSerial += 1
    serials[slot] = lastSerial
    return CircuitIdentifier(slot: slot, serial: lastSerial)
  }

  /// Returns whether the table still holds the circuit.
  func contains(_ identifier: CircuitIdentifier) -> Bool {
    serials.indices.contains(identifier.slot) && serials[identifier.slot] == identifier.serial
  }

  /// Removes the circuit and returns it; `nil` if it is gone already.
  mutating func remove(_ identifier: CircuitIdentifier) -> Circuit? {
    guard contains(identifier) else { return nil }
    serials[identifier.slot] = 0
    return circuits.remove(identifier.slot)
  }

  /// The circuit, in place. The table must hold it: whoever has an identifier from outside asks `contains` first.
  subscript(identifier: CircuitIdentifier) -> Circuit {
    unsafeAddress { address(of: identifier) }
    unsafeMutableAddress { UnsafeMutablePointer(mutating: address(of: identifier)) }
  }

  /// Returns the memory of the circuit, which is valid until the table changes. The table must hold the circuit.
  func address(of identifier: CircuitIdentifier) -> UnsafePointer<Circuit> {
    precondition(contains(identifier), "a circuit that is gone was used")
    return circuits.address(of: identifier.slot)
  }
}
