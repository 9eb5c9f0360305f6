/// When configured peers are dialled again, and in what order.
extension Node {
  /// How often it is looked for a turn for configured peers that wait for one.
  static let dialTurnInterval = Duration.milliseconds(100)

  /// Dials a permanent peer now, or when its pace allows.
  mutating func redial(_ name: OnionName, at now: Instant) {
    guard let peer = peers[name], peer.isPermanent, peer.link == .none, tor != .unreachable else { return }
    if dial(name, at: now) == nil, !dialTurns.isWaiting(name) {
      lookAgain(at: name, when: max(peer.pace.nextAttempt(from: now), now + .seconds(1)))
    }
  }

  /// Somebody on this side waits for a peer that may not be dialled yet: a configured one is dialled soon.
  mutating func hasten(_ name: OnionName, at now: Instant) {
    guard var peer = peers[name], peer.isPermanent, peer.link == .none, tor != .unreachable,
      !dialTurns.isWaiting(name)
    else { return }
    peer.pace.hasten()
    peers[name]?.pace = peer.pace
    lookAgain(at: name, when: peer.pace.nextAttempt(from: now))
  }

  /// Lets a configured peer wait for its turn to be dialled.
  mutating func awaitTurn(_ name: OnionName, at now: Instant) {
    dialTurns.wait(name)
    lookAtTurns(when: now + Node.dialTurnInterval)
  }

  /// Dials the configured peers whose turn it is.
  mutating func dialNext(at now: Instant) {
    while let name = dialTurns.next(at: now) { redial(name, at: now) }
    if dialTurns.isAwaited { lookAtTurns(when: now + Node.dialTurnInterval) }
  }

  private mutating func lookAtTurns(when time: Instant) {
    if dialAlarm.set(to: time) { deadlines.insert(.dials, at: time) }
  }
}
