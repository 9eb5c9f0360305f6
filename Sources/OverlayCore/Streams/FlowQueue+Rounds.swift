/// The deficit round robin of a flow queue, one for each lane.
extension FlowQueue {
  /// Removes the next packet for the circuit of a lane, and returns it; `nil` if there is none.
  mutating func pull(
    for lane: Int, at now: Instant, pace: ControlledDelay.Pace, store: inout PacketStore
  ) -> PacketStore.Slot? {
    guard byteCount > 0 else { return nil }
    guard lane > 0 else { return pull(from: 0, at: now, pace: pace, store: &store) }
    guard let rounds, rounds[lane].byteCount > 0 else { return pull(from: 0, at: now, pace: pace, store: &store) }
    guard rounds[0].byteCount > 0 else { return pull(from: lane, at: now, pace: pace, store: &store) }
    let isBound = rounds[lane].lead <= 0
    guard let slot = pull(from: isBound ? lane : 0, at: now, pace: pace, store: &store) else {
      return pull(from: isBound ? 0 : lane, at: now, pace: pace, store: &store)
    }
    rounds[lane].lead += isBound ? store[slot].length : -store[slot].length
    return slot
  }

  private mutating func pull(
    from lane: Int, at now: Instant, pace: ControlledDelay.Pace, store: inout PacketStore
  ) -> PacketStore.Slot? {
    guard let flows, let rounds else { return nil }
    while true {
      let isNew = rounds[lane].new.first >= 0
      guard isNew || rounds[lane].old.first >= 0 else { return nil }
      let index = Int(isNew ? rounds[lane].new.first : rounds[lane].old.first)
      if flows[index].credit <= 0 {
        flows[index].credit += FlowQueue.quantum
        delistFirst(of: lane, fromNew: isNew)
        enlist(index, asNew: false)
        continue
      }
      guard let slot = next(of: index, at: now, pace: pace, store: &store) else {
        delistFirst(of: lane, fromNew: isNew)
        // A flow that came and is empty again waits once behind the others, or it could always be new.
        if isNew, rounds[lane].old.first >= 0 { enlist(index, asNew: false) } else { flows[index].isListed = false }
        continue
      }
      flows[index].credit -= store[slot].length
      return slot
    }
  }

  /// Lists a flow that has packets in the round of its lane.
  mutating func enlist(_ index: Int, asNew: Bool) {
    guard let flows, let rounds else { return }
    let lane = Int(flows[index].lane)
    if asNew { flows[index].credit = FlowQueue.quantum }
    flows[index].isListed = true
    flows[index].nextListed = -1
    var list = asNew ? rounds[lane].new : rounds[lane].old
    if list.first < 0 { list.first = Int8(index) } else { flows[Int(list.last)].nextListed = Int8(index) }
    list.last = Int8(index)
    if asNew { rounds[lane].new = list } else { rounds[lane].old = list }
  }

  private mutating func delistFirst(of lane: Int, fromNew isNew: Bool) {
    guard let flows, let rounds else { return }
    if isNew {
      rounds[lane].new.first = flows[Int(rounds[lane].new.first)].nextListed
    } else {
      rounds[lane].old.first = flows[Int(rounds[lane].old.first)].nextListed
    }
  }
}
