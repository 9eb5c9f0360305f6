/// The ceilings of what comes and goes (`RateGate`).
extension Streams {
  /// Changes the ceilings of what comes and goes.
  mutating func change(to limits: RateLimits, at now: Instant) {
    receiving.change(to: limits, at: now)
    queues.change(to: limits, at: now)
  }

  /// Whether what circuits bring has a ceiling, so that `allowance` is to be asked before each read.
  var limitsReading: Bool { receiving.isActive }
  /// Whether what goes to circuits has a ceiling.
  var limitsSending: Bool { queues.sending.isActive }

  /// Returns how many bytes may be read from a circuit now, which is of the peer with the account of this number. If
  /// none may, the circuit is to be read no more until `NodeAction.read` says so.
  mutating func allowance(
    of circuit: CircuitIdentifier, _ account: Int, out: inout Outbox, at now: Instant
  ) -> Int {
    guard contains(circuit), !self[circuit].isBeingBuilt else { return .max }
    let greeting = self[circuit].greetingRoom
    guard greeting == 0 else { return greeting }
    let bytes = receiving.allowance(of: circuit, account, at: now).bytes
    out.counters[.readingLimited] = receiving.waits
    if bytes == 0 { queues.circuits[circuit].partialPacket.pauses(at: now) }
    return bytes
  }

  /// Notes that what a circuit brought was no packets, so that a turn of it ends.
  mutating func passNothing(_ circuit: CircuitIdentifier, at now: Instant) {
    if receiving.isActive { receiving.pass(circuit, 0, bytes: 0, packets: 0, at: now) }
  }
}
