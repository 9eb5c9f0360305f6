extension Node {
  /// How often memory that nobody needs is given back: out of step with keepalives, or a permanent peer's circuit would
  /// never be found quiet.
  static let tidyingInterval = Duration.seconds(50)

  /// Does what is due at `now`.
  public mutating func advance<Device: PacketSink & ~Copyable>(to now: Instant, device: inout Device) {
    while let (time, subject) = deadlines.popDue(at: now) {
      switch subject {
      case .circuit(let circuit):
        if circuits.contains(circuit), circuits[circuit].alarm.rings(at: time) {
          examine(circuit, at: now, device: &device)
        }
      case .liveness(let circuit):
        if circuits.contains(circuit), circuits[circuit].livenessAlarm.rings(at: time) {
          tendLiveness(circuit, at: now)
        }
      case .peer(let name):
        if peers[name]?.alarm.rings(at: time) == true { redial(name, at: now) }
      case .dials:
        if dialAlarm.rings(at: time) { dialNext(at: now) }
      case .tor:
        if torAlarm.rings(at: time) { perform(.probeTor) }
      case .moves:
        if moveAlarm.rings(at: time) { endOverdueMoves(at: now) }
      case .device:
        if deviceAlarm.rings(at: time) { endCongestion(at: now) }
      case .strangerTurn: drawTurn(at: now)
      case .tidying: tidy(at: now)
      }
    }
  }

  private mutating func examine<Device: PacketSink & ~Copyable>(
    _ circuit: CircuitIdentifier, at now: Instant, device: inout Device
  ) {
    let due: Instant
    switch circuits[circuit].state {
    case .connecting, .requested:
      let timeout = isSuccessor(circuit) ? Liveness.replacementInterval : Node.dialTimeout
      due = circuits[circuit].began + timeout
      if due <= now {
        let seconds = timeout.wholeSeconds
        return close(circuit, .failure("Tor built no circuit in \(seconds) s"), at: now, device: &device)
      }
    case .open(let name):
      if !circuits[circuit].queue.isEmpty, now - circuits[circuit].lastProgress >= Node.stallTimeout {
        counters[.stalled] += 1
        return close(circuit, .failure("the circuit took nothing for too long"), at: now, device: &device)
      }
      guard let next = tendOpen(circuit, to: name, at: now) else {
        counters[.idleClosed] += 1
        return close(circuit, .unneeded, at: now, device: &device)
      }
      let stalled = circuits[circuit].lastProgress + Node.stallTimeout
      due = circuits[circuit].queue.isEmpty ? next : min(next, stalled)
    case .accepted(let claim):
      due = end(ofCall: circuit, claim)
      if due <= now {
        counters[.idleClosed] += 1
        return close(circuit, .unneeded, at: now, device: &device)
      }
    }
    lookAgain(at: circuit, when: due)
  }

  /// Keeps an open circuit alive; when it wants to be looked at again, or `nil` if it has been idle for too long.
  private mutating func tendOpen(_ circuit: CircuitIdentifier, to name: OnionName, at now: Instant) -> Instant? {
    if isSuccessor(circuit) { return now + Liveness.replacementInterval }
    let isBulk = circuits[circuit].lane != FlowTable.sparseLane
    guard !isBulk, peers[name]?.isPermanent == true else {
      let idle = isBulk ? min(settings.idle, Node.bulkIdle) : settings.idle
      // The first circuit to a peer takes the others with it.
      let isAlone = circuits[circuit].bulk.allSatisfy { $0 == nil }
      guard isAlone, circuits[circuit].queue.isEmpty else { return now + idle }
      let due = max(circuits[circuit].lastSent, circuits[circuit].lastReceived) + idle
      return due > now ? due : nil
    }
    let interval = keepaliveInterval(of: name)
    if circuits[circuit].lastSent + interval <= now { keepAlive(circuit, to: name, at: now) }
    return circuits[circuit].lastSent + interval
  }

  private mutating func tidy(at now: Instant) {
    var areAllQuiet = true
    for circuit in circuits.identifiers {
      let quiet = max(circuits[circuit].lastSent, circuits[circuit].lastReceived) + .seconds(5) <= now
      guard quiet else {
        areAllQuiet = false
        continue
      }
      circuits[circuit].queue.releaseIfEmpty()
      circuits[circuit].flows.releaseIfOver(at: now)
    }
    if areAllQuiet { store.releaseKept() }
    for (name, peer) in peers
    where !peer.isPermanent && peer.link == .none && peer.pace.isForgettable(at: now)
      && peer.bulkPace.isForgettable(at: now) && peer.liveness.isForgettable(at: now)
    {
      peers[name] = nil
    }
    if store.hasFreedMemory { perform(.trimMemory) }
    store.hasFreedMemory = false
    deadlines.insert(.tidying, at: now + Node.tidyingInterval)
  }
}
