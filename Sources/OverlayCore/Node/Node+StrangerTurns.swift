/// Which stranger is dialled, of those whom this host has something to say to.
extension Node {
  /// Whether a name that nobody was ever reached at may be dialled now; otherwise it waits for a turn.
  mutating func mayDialStranger(_ name: OnionName, at now: Instant) -> Bool {
    if strangerTurns.takeAtOnce(at: now) { return true }
    counters[.strangerLimit] += 1
    awaitStrangersTurn(name, at: now)
    return false
  }

  /// Lets a name wait for a turn.
  mutating func awaitStrangersTurn(_ name: OnionName, at now: Instant) {
    names.want(name, until: now + StrangerTurns.patience)
    lookForStrangersTurn(at: now)
  }

  /// Gives the turn whose time has come: to an accepted circuit that is still open and has brought a packet, each circuit
  /// once. Lots are drawn, of which a circuit has the more the longer it is open: whoever comes and goes has few.
  mutating func drawTurn(at now: Instant) {
    strangerTurns.drawn()
    var drawn: CircuitIdentifier?
    var lots = 0.0
    for circuit in circuits.identifiers where isWaitingForTurn(circuit, at: now) {
      let own = (now - circuits[circuit].began + .milliseconds(1)).seconds
      lots += own
      if Double.random(in: 0..<lots, using: &random) < own { drawn = circuit }
    }
    guard let drawn, case .accepted(.name(let name)) = circuits[drawn].state else { return }
    if strangerTurns.take(at: now) {
      circuits[drawn].hasHadTurn = dial(name, isTurn: true, at: now) != nil
    }
    lookForStrangersTurn(at: now)
  }

  private mutating func lookForStrangersTurn(at now: Instant) {
    if let time = strangerTurns.wait(at: now) { deadlines.insert(.strangerTurn, at: time) }
  }

  private func isWaitingForTurn(_ circuit: CircuitIdentifier, at now: Instant) -> Bool {
    guard case .accepted(.name(let name)) = circuits[circuit].state, !circuits[circuit].hasHadTurn,
      circuits[circuit].standing != .unproven, names.isWanted(name, at: now)
    else { return false }
    guard let peer = peers[name] else { return true }
    return peer.link == .none && peer.pace.nextAttempt(from: now) <= now
  }
}
