/// A TCP flow that migrates to another circuit. It waits there until everything that it sent along its old circuit has
/// arrived. The receiver would take a packet that overtook others for a sign of loss, and the flow would be slow for
/// many seconds.
private struct FlowMigration {
  /// The flow's hash.
  let flow: UInt32
  /// The circuit on which it waits.
  let circuit: CircuitIdentifier
  /// The sequence number of the first byte that waits. All bytes before it went along the old circuit.
  let sequence: UInt32
  /// The time at which the flow goes on, whatever has arrived.
  let deadline: Instant

  /// Returns whether the byte with this sequence number went along the old circuit. While the receiver waits for such a
  /// byte, not everything has arrived. A sender that sends such a byte again repeats what was lost.
  func wentBefore(_ number: UInt32) -> Bool { SequenceSpan.distance(from: sequence, to: number) < 0 }
}

/// The migrations of all flows of a node, in the order of their deadlines. There are at most `limit`; past that a flow
/// migrates without waiting. A migration ends when an answer acknowledges all bytes of the old circuit, when the sender
/// repeats one of them, at its deadline, or when too much waits on the new circuit.
struct FlowMigrations {
  /// The longest time that a flow waits: about the round trip of a slow circuit.
  static let patience = Duration.seconds(1)
  /// The greatest number of flows that wait. Each delivered packet is compared with each of them.
  static let limit = 64

  private var all: [FlowMigration] = []

  /// Whether no flow waits.
  var isEmpty: Bool { all.isEmpty }
  /// The number of flows that wait.
  var count: Int { all.count }
  /// The earliest deadline; the distant future if no flow waits.
  var nextDeadline: Instant { all.first?.deadline ?? .distantFuture }

  /// Returns whether a flow waits on the circuit.
  func wait(on circuit: CircuitIdentifier) -> Bool { all.contains { $0.circuit == circuit } }

  /// Lets a flow wait on `circuit` until all bytes up to the end of `packet` are acknowledged. It returns false if the
  /// packet is not TCP's, so that nothing acknowledges it, and if too many flows wait.
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

  /// Ends the migration of the flow that a delivered packet answers, if the packet acknowledges all bytes of the old
  /// circuit. It returns the circuit that has something to send now.
  mutating func end(byAnswer packet: PacketView, in circuits: inout CircuitTable) -> CircuitIdentifier? {
    guard let acknowledged = TCPNumbers(packet)?.acknowledgement else { return nil }
    let flow = packet.answeredFlow
    guard let index = all.firstIndex(where: { $0.flow == flow && !$0.wentBefore(acknowledged) }) else { return nil }
    return end(index, in: &circuits)
  }

  /// Ends the migration of a flow whose next packet is `packet`, if that repeats a byte of the old circuit. It returns
  /// the circuit that has something to send now.
  mutating func end(
    of flow: UInt32, ifRepeatedBy packet: PacketView, in circuits: inout CircuitTable
  ) -> CircuitIdentifier? {
    guard let index = all.firstIndex(where: { $0.flow == flow }), let numbers = TCPNumbers(packet),
      all[index].wentBefore(numbers.sequence)
    else { return nil }
    return end(index, in: &circuits)
  }

  /// Ends all migrations to a circuit on which too much waits, or which is the only one left. It returns whether there
  /// were any.
  mutating func endAll(to circuit: CircuitIdentifier, in circuits: inout CircuitTable) -> Bool {
    var isAny = false
    while let index = all.firstIndex(where: { $0.circuit == circuit }) {
      end(index, in: &circuits)
      isAny = true
    }
    return isAny
  }

  /// Ends the first migration if its deadline has passed. It returns the circuit that has something to send now.
  mutating func endOverdue(in circuits: inout CircuitTable, at now: Instant) -> CircuitIdentifier? {
    guard let first = all.first, first.deadline <= now else { return nil }
    return end(0, in: &circuits)
  }

  /// Forgets all migrations to a circuit that is gone.
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
