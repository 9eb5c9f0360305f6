/// The lanes of a flow queue: who may take which packets.
extension FlowQueue {
  /// Returns the lane that a flow is bound to; 0 if any circuit takes its packets.
  func lane(of hash: UInt32) -> Int { flows.map { Int($0[FlowQueue.place(of: hash)].lane) } ?? 0 }

  /// Returns whether packets wait that the circuit of this lane may take.
  func hasPackets(for lane: Int) -> Bool {
    guard byteCount > 0, let rounds else { return false }
    return rounds[0].byteCount > 0 || rounds[lane].byteCount > 0
  }

  /// The number of bytes that any circuit may take.
  var sharedBytes: Int { rounds?[0].byteCount ?? 0 }

  /// Returns the number of bytes that the circuit of this lane takes alone.
  func boundBytes(to lane: Int) -> Int { lane > 0 ? rounds?[lane].byteCount ?? 0 : 0 }

  /// Whether one more circuit could have something to take: what any may take, or one of two flows that are bound to
  /// the same circuit.
  var hasWorkForAnother: Bool {
    guard let flows, sharedBytes == 0 else { return sharedBytes > 0 }
    var lanes: UInt8 = 0
    for index in 0..<FlowQueue.flowCount where flows[index].head != .none {
      let lane: UInt8 = 1 << UInt8(flows[index].lane)
      if lanes & lane != 0 { return true }
      lanes |= lane
    }
    return false
  }

  /// Notes that a circuit takes from the queue by this lane, or none does any more. Bound flows of a lane without one
  /// are bound to others.
  mutating func setLane(_ lane: Int, isOpen: Bool) {
    if isOpen { openLanes |= 1 << UInt8(lane) } else { openLanes &= ~(1 << UInt8(lane)) }
    guard let flows else { return }
    for index in 0..<FlowQueue.flowCount where flows[index].isBound && !hasCircuit(flows[index].lane) {
      flows[index].lane = leastLane()
      // The next one sees what this one brings.
      rounds?[Int(flows[index].lane)].byteCount += flows[index].byteCount
    }
    listAnew()
  }

  private func hasCircuit(_ lane: Int8) -> Bool { openLanes & 1 << UInt8(lane) != 0 }

  /// Binds a place to a lane that is open, or lets any circuit take it.
  mutating func bind(_ index: Int, _ isBound: Bool, at now: Instant) {
    guard let flows else { return }
    let isNew = flows[index].head == .none && now - flows[index].lastQueued > FlowQueue.bindingTime
    guard isBound || flows[index].isBound else { return }
    let lane: Int8
    if isNew, !isBound {
      flows[index].isBound = false
      lane = 0
    } else if isNew || !hasCircuit(flows[index].lane) {
      flows[index].isBound = true
      lane = leastLane()
      hasBoundAnother = hasBoundAnother || isNew
    } else {
      return
    }
    guard lane != flows[index].lane else { return }
    flows[index].lane = lane
    if flows[index].isListed { listAnew() }
  }

  /// Returns the open lane with the fewest bytes to send, and of those the one that has had fewest flows; 0 if none is
  /// open.
  private func leastLane() -> Int8 {
    guard let flows, let rounds else { return 0 }
    var least: (lane: Int8, bytes: Int, flows: Int)?
    for lane in 1...Int8(FlowQueue.lastLane) where hasCircuit(lane) {
      let bytes = rounds[Int(lane)].byteCount
      let count = (0..<FlowQueue.flowCount).count { flows[$0].isBound && flows[$0].lane == lane }
      if least.map({ (bytes, count) < ($0.bytes, $0.flows) }) ?? true { least = (lane, bytes, count) }
    }
    return least?.lane ?? 0
  }

  /// Lists each flow that has packets in the round of its lane.
  private mutating func listAnew() {
    guard let flows, let rounds else { return }
    for lane in 0...FlowQueue.lastLane { rounds[lane] = Round(lead: rounds[lane].lead) }
    for index in 0..<FlowQueue.flowCount {
      flows[index].isListed = false
      guard flows[index].head != .none else { continue }
      rounds[Int(flows[index].lane)].byteCount += flows[index].byteCount
      enlist(index, asNew: false)
    }
  }
}
