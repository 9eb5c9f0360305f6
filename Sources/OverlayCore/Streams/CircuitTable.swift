/// The circuits that are there, each found by its identifier in one step.
struct CircuitTable: ~Copyable {
  private var circuits = UnsafeMutableBufferPointer<Circuit>(start: nil, count: 0)
  // Which circuit lies in a slot; zero, which no circuit has: none, and the memory is not initialised.
  private var serials: [UInt64] = []
  private var free: [Int] = []
  private var lastSerial: UInt64 = 0

  /// How many circuits there are.
  var count: Int { serials.count - free.count }

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
    if free.isEmpty { grow() }
    let slot = free.removeLast()
    lastSerial += 1
    serials[slot] = lastSerial
    circuits.initializeElement(at: slot, to: circuit)
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
    free.append(identifier.slot)
    return circuits.moveElement(from: identifier.slot)
  }

  /// The circuit, in place. It must be there: whoever brings an identifier from outside asks `contains` first.
  subscript(identifier: CircuitIdentifier) -> Circuit {
    // Addresses, not coroutines: those keep their frame on the heap, for every packet.
    unsafeAddress { address(of: identifier) }
    unsafeMutableAddress { UnsafeMutablePointer(mutating: address(of: identifier)) }
  }

  /// Where the circuit lies until the table changes. It must be there.
  func address(of identifier: CircuitIdentifier) -> UnsafePointer<Circuit> {
    precondition(contains(identifier), "a circuit that is gone was used")
    return UnsafePointer(circuits.baseAddress.unsafelyUnwrapped + identifier.slot)
  }

  private mutating func grow() {
    let old = circuits
    circuits = .allocate(capacity: max(8, old.count * 2))
    // Only a full table grows: every slot of the old one is initialised.
    _ = circuits.moveInitialize(fromContentsOf: old)
    old.deallocate()
    free = Array((old.count..<circuits.count).reversed())
    serials += repeatElement(0, count: free.count)
  }

  deinit {
    for slot in serials.indices where serials[slot] != 0 { circuits.deinitializeElement(at: slot) }
    circuits.deallocate()
  }
}
