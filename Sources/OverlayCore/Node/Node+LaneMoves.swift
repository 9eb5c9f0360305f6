/// How a flow comes from one of a peer's circuits to another without being reordered.
extension Node {
  /// How long a flow waits at the most until what it left on the circuit before has arrived: a round trip of a slow one.
  static let moveLimit = Duration.seconds(1)

  /// Moves a flow from the sparse circuit to one for bulk, with what it has waiting there; `packet` is its next. Which of
  /// the two that one goes out on: the first of what was not sent yet goes along the circuit before, so that an answer
  /// tells when it and all before it have arrived.
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
      let own = FlowHash.of(store[slot].bytes)
      let goesAlong = own == flow && !(isFirst && begin(move: flow, to: circuit, after: store[slot].bytes, at: now))
      if own == flow { isFirst = false }
      put(slot, flow: own, on: goesAlong ? circuit : sparse, at: now)
    }
    return isFirst && begin(move: flow, to: circuit, after: packet, at: now) ? sparse : circuit
  }

  /// Ends the move of the flow that a delivered packet answers, if that says that nothing is on its way any more.
  mutating func endMove(by reply: UnsafeRawBufferPointer) {
    guard let acknowledged = TCPNumbers(reply)?.acknowledgement else { return }
    let flow = FlowHash.ofAnswered(reply)
    if let index = moves.firstIndex(where: { $0.flow == flow && $0.isOver(acknowledged: acknowledged) }) {
      endMove(at: index)
    }
  }

  /// Ends the move of a flow that sends `packet`, if it sends that again.
  mutating func endMove(of flow: UInt32, ifRepeatedBy packet: UnsafeRawBufferPointer) {
    guard let index = moves.firstIndex(where: { $0.flow == flow }), let numbers = TCPNumbers(packet),
      moves[index].isRepeated(by: numbers.sequence)
    else { return }
    endMove(at: index)
  }

  /// Ends the moves that have lasted for too long.
  mutating func endMoves(at now: Instant) {
    while let index = moves.firstIndex(where: { $0.end <= now }) { endMove(at: index) }
    lookAtMoves()
  }

  /// Forgets the moves to a circuit that is gone.
  mutating func forgetMoves(to circuit: CircuitIdentifier) {
    moves.removeAll { $0.circuit == circuit }
  }

  /// Lets the flow wait until `packet` is acknowledged; false if nobody will do so: it is not TCP, or carries nothing.
  private mutating func begin(
    move flow: UInt32, to circuit: CircuitIdentifier, after packet: UnsafeRawBufferPointer, at now: Instant
  ) -> Bool {
    guard let numbers = TCPNumbers(packet), numbers.payloadSize > 0 else { return false }
    circuits[circuit].queue.hold(flow: flow)
    moves.append(LaneMove(flow: flow, circuit: circuit, sequence: numbers.end, end: now + Node.moveLimit))
    lookAtMoves()
    return true
  }

  private mutating func endMove(at index: Int) {
    let move = moves.remove(at: index)
    circuits[move.circuit].queue.release(flow: move.flow)
    requestFlush(move.circuit)
  }

  private mutating func lookAtMoves() {
    guard let end = moves.lazy.map(\.end).min() else { return }
    if moveAlarm.set(to: end) { deadlines.insert(.moves, at: end) }
  }
}
