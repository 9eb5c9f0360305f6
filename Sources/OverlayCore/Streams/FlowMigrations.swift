/// A TCP flow that migrates to another circuit. It waits there until all that it sent along the circuit before has
/// arrived: a packet that overtook it would be taken for a sign of loss, and the flow would be slow for many seconds.
private struct FlowMigration {
  /// The flow's hash.
  let flow: UInt32
  /// The circuit on which it waits.
  let circuit: CircuitIdentifier
  /// The number of the first byte that waits: what is before it went along the circuit before.
  let sequence: UInt32
  /// When it waits no more, whatever has arrived.
  let deadline: Instant

  /// Whether the byte with this number went along the circuit before. As long as the receiver waits for such a byte, not
  /// all has arrived. A sender that begins with such a byte sends again what was lost.
  func wentBefore(_ number: UInt32) -> Bool { Int32(bitPattern: number &- sequence) < 0 }
}

/// The migrations of all flows of a node, at most `limit`, in the order of their deadlines. Past the limit flows migrate
/// without waiting. A migration ends by the answer that all has arrived, by a packet that the sender repeats, by its
/// deadline, or where too much waits.
struct FlowMigrations {
  /// How long a flow waits at most: a round trip of a slow circuit.
  static let patience = Duration.seconds(1)
  /// How many flows wait at most: each delivered packet is compared with each.
  static let limit = 64

  private var all: [FlowMigration] = []

  /// Whether no flow waits.
  var isEmpty: Bool { all.isEmpty }
  /// The number of flows that wait.
  var count: Int { all.count }
  /// When the first of them waits no more.
  var nextDeadline: Instant { all.first?.deadline ?? .distantFuture }

  /// Whether a flow waits on the circuit.
  func wait(on circuit: CircuitIdentifier) -> Bool { all.contains { $0.circuit == circuit } }

  /// Lets a flow wait on `circuit` until all up to the end of `packet` is acknowledged. It returns false if nothing ever
  /// says that, since the packet is not TCP's, or if too many wait.
  mutating func begin(
    _ flow: UInt32, to circuit: CircuitIdentifier, after packet: PacketView, in circuits: inout CircuitTable,
    at now: Instant
  ) -> Bool {
    if let earlier = all.firstIndex(where: { $0.flow == flow }) { end(earlier, in: &circuits) }
    guard all.count < FlowMigrations.limit, let numbers = TCPNumbers(packet) else { return false }
    circuits[circuit].queue.suspend(flow: flow)
    all.append(
      FlowMigration(
        flow: flow, circuit: circuit, sequence: numbers.end, deadline: now + FlowMigrations.patience))
    return true
  }

  /// Ends the migration that a delivered packet answers, if that says that nothing is on its way any more. It returns the
  /// circuit that has something to send by that.
  mutating func end(byAnswer packet: PacketView, in circuits: inout CircuitTable) -> CircuitIdentifier? {
    guard let acknowledged = TCPNumbers(packet)?.acknowledgement else { return nil }
    let flow = packet.answeredFlow
    guard let index = all.firstIndex(where: { $0.flow == flow && !$0.wentBefore(acknowledged) }) else { return nil }
    return end(index, in: &circuits)
  }

  /// Ends the migration of the flow that sends `packet`, if it sends that again.
  mutating func end(
    of flow: UInt32, ifRepeatedBy packet: PacketView, in circuits: inout CircuitTable
  ) -> CircuitIdentifier? {
    guard let index = all.firstIndex(where: { $0.flow == flow }), let numbers = TCPNumbers(packet),
      all[index].wentBefore(numbers.sequence)
    else { return nil }
    return end(index, in: &circuits)
  }

  /// Ends the migrations to a circuit, on which too much waits, or which is the only one that is left. It returns whether
  /// there were any.
  mutating func endAll(to circuit: CircuitIdentifier, in circuits: inout CircuitTable) -> Bool {
    var isAny = false
    while let index = all.firstIndex(where: { $0.circuit == circuit }) {
      end(index, in: &circuits)
      isAny = true
    }
    return isAny
  }

  /// Ends the first migration that has lasted for too long.
  mutating func endOverdue(in circuits: inout CircuitTable, at now: Instant) -> CircuitIdentifier? {
    guard let first = all.first, first.deadline <= now else { return nil }
    return end(0, in: &circuits)
  }

  /// Forgets the migrations to a circuit that is gone.
  mutating func forget(_ circuit: CircuitIdentifier) {
    all.removeAll { $0.circuit == circuit }
  }

  @discardableResult
  private mutating func end(_ index: Int, in circuits: inout CircuitTable) -> CircuitIdentifier {
    let migration = all.remove(at: index)
    let place = FlowQueue.place(of: migration.flow)
    // Flows that share a queue wait for the last of them.
    let isShared = all.contains { $0.circuit == migration.circuit && FlowQueue.place(of: $0.flow) == place }
    if !isShared { circuits[migration.circuit].queue.resume(flow: migration.flow) }
    return migration.circuit
  }
}
