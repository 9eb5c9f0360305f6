/// How a flow comes from one of a peer's circuits to another without being reordered.
extension Node {
  /// How long a flow waits at the most until what it left on the circuit before has arrived: a round trip of a slow one.
  static let moveLimit = Duration.seconds(1)
  /// How many flows wait like that at the most, since each delivered packet is looked at for each; more move at once.
  static let moveCountLimit = 64

  /// Moves a flow from the sparse circuit to one for bulk, with what it has waiting there; `packet` is its next. Returns
  /// the circuit that `packet` goes out on. The first of what was not sent yet still goes along the circuit before, so
  /// that an answer tells when it and all before it have arrived; only then the rest follows along the new one.
  mutating func move(
    _ flow: UInt32, from sparse: CircuitIdentifier, to circuit: CircuitIdentifier, with packet: UnsafeRawBufferPointer,
    at now: Instant
  ) -> CircuitIdentifier {
    var next = circuits[sparse].queue.detach(flow: flow, store: store)
    var isFirst = true
    while next != .none {
      let slot = next
      next = store[slot].next
      // Flows that share a queue do not all move.
      let own = PacketView(reading: store[slot].bytes)?.flow ?? 0
      let goesAlong = own == flow && !(isFirst && begin(move: flow, to: circuit, after: store[slot].bytes, at: now))
      if own == flow { isFirst = false }
      put(slot, flow: own, on: goesAlong ? circuit : sparse, at: now)
    }
    return isFirst && begin(move: flow, to: circuit, after: packet, at: now) ? sparse : circuit
  }

  /// Whether a flow waits on the circuit until its move is over.
  func isMoving(to circuit: CircuitIdentifier) -> Bool { moves.contains { $0.circuit == circuit } }

  /// Ends the move of the flow that a delivered packet answers, if that says that nothing is on its way any more.
  mutating func endMove(by reply: PacketView) {
    guard let acknowledged = TCPNumbers(reply)?.acknowledgement else { return }
    let flow = reply.answeredFlow
    if let index = moves.firstIndex(where: { $0.flow == flow && !$0.wentBefore(acknowledged) }) {
      endMove(index)
    }
  }

  /// Ends the move of a flow that sends `packet`, if it sends that again.
  mutating func endMove(of flow: UInt32, ifRepeatedBy packet: UnsafeRawBufferPointer) {
    guard let index = moves.firstIndex(where: { $0.flow == flow }),
      let numbers = PacketView(reading: packet).flatMap({ TCPNumbers($0) }),
      moves[index].wentBefore(numbers.sequence)
    else { return }
    endMove(index)
  }

  /// Ends the moves to a circuit: too much waits there, or it is the only one that is left.
  mutating func endMoves(to circuit: CircuitIdentifier) {
    while let index = moves.firstIndex(where: { $0.circuit == circuit }) { endMove(index) }
  }

  /// Ends the moves that have lasted for too long.
  mutating func endOverdueMoves(at now: Instant) {
    while let first = moves.first, first.deadline <= now { endMove(0) }
    lookAtMoves()
  }

  /// Forgets the moves to a circuit that is gone.
  mutating func forgetMoves(to circuit: CircuitIdentifier) {
    moves.removeAll { $0.circuit == circuit }
  }

  /// Lets the flow wait until all before the end of `packet` is acknowledged; false if that is never said: it is not TCP.
  private mutating func begin(
    move flow: UInt32, to circuit: CircuitIdentifier, after packet: UnsafeRawBufferPointer, at now: Instant
  ) -> Bool {
    if let earlier = moves.firstIndex(where: { $0.flow == flow }) { endMove(earlier) }
    guard moves.count < Node.moveCountLimit, let numbers = PacketView(reading: packet).flatMap({ TCPNumbers($0) })
    else { return false }
    circuits[circuit].queue.hold(flow: flow)
    moves.append(LaneMove(flow: flow, circuit: circuit, sequence: numbers.end, deadline: now + Node.moveLimit))
    lookAtMoves()
    return true
  }

  private mutating func endMove(_ index: Int) {
    let move = moves.remove(at: index)
    let place = FlowQueue.place(of: move.flow)
    // Flows that share a queue wait for the last of them.
    if moves.contains(where: { $0.circuit == move.circuit && FlowQueue.place(of: $0.flow) == place }) { return }
    circuits[move.circuit].queue.release(flow: move.flow)
    requestFlush(move.circuit)
  }

  /// They stand in the order of their deadlines.
  private mutating func lookAtMoves() {
    guard let deadline = moves.first?.deadline else { return }
    if moveAlarm.set(to: deadline) { deadlines.insert(.moves, at: deadline) }
  }
}
