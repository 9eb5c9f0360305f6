/// The circuits that others dial to us: who is let in, and who stays when there are too many.
extension Node {
  /// How long an accepted circuit may be there without having said who calls, or brought a packet.
  static let firstPacketTimeout = Duration.seconds(30)
  /// How much longer an accepted circuit may be idle than one that we dialled: whoever dialled it decides.
  static let acceptedGrace = Duration.seconds(30)

  /// How many circuits may be accepted: three quarters of all beside those that we dialled, but a quarter at the least.
  private var callLimit: Int {
    let (limit, dialled) = (settings.bounds.circuits, circuits.count - calls.count)
    return max(limit / 4, limit - limit / 4 - dialled)
  }

  /// Whether there is room for a circuit that we dial, or `makeRoomToDial` can make it: three quarters of all are for those,
  /// an eighth of them for peers that the operator named, for which a call of somebody else makes room.
  func hasRoomToDial(isConfigured: Bool) -> Bool {
    let limit = settings.bounds.circuits
    let reserve = isConfigured ? 0 : limit / 8
    guard circuits.count - calls.count < limit - limit / 4 - reserve else { return false }
    return circuits.count < limit - reserve || isConfigured && calls.holdsUnknown
  }

  /// Lets a call make room for a circuit that is dialled now, where there is none.
  mutating func makeRoomToDial() {
    guard circuits.count >= settings.bounds.circuits,
      let other = calls.leastWanted(using: &random, in: circuits)
    else { return }
    crowdOut(other)
  }

  /// Somebody called our onion service; `nil` if no more circuits are wanted.
  public mutating func accepted(at now: Instant) -> CircuitIdentifier? {
    if circuits.count >= settings.bounds.circuits || calls.count >= callLimit {
      guard let other = calls.newcomerPlace(at: now, using: &random, in: circuits) else {
        counters[.circuitLimit] += 1
        return nil
      }
      crowdOut(other)
    }
    counters[.accepted] += 1
    let circuit = circuits.insert(Circuit(.accepted(.none), at: now))
    calls.insert(circuit)
    forgetStaleDeadlines()
    lookAgain(at: circuit, when: now + Node.firstPacketTimeout)
    return circuit
  }

  /// What a name that a circuit claims, or that it was dialled to, is worth before any packet has come.
  func standing(of peer: IPv6Address) -> Standing { names.isKnown(peer) ? .known : .unproven }

  /// A circuit has brought a packet that is let in.
  mutating func noteDelivery(on circuit: CircuitIdentifier, at now: Instant) {
    guard circuits[circuit].standing == .unproven, let sender = circuits[circuit].sender else { return }
    raise(circuit, to: names.isKnown(sender) ? .known : .stranger, at: now)
  }

  /// More is known of whoever is at a circuit's other end.
  mutating func raise(_ circuit: CircuitIdentifier, to standing: Standing, at now: Instant) {
    guard standing.rawValue > circuits[circuit].standing.rawValue else { return }
    circuits[circuit].standing = standing
    if case .accepted = circuits[circuit].state { findPlace(for: circuit, at: now) }
  }

  /// A circuit that was read may still be without the place that it has earned.
  mutating func findPlace(for circuit: CircuitIdentifier, at now: Instant) {
    let placement = calls.establish(
      circuit, as: circuits[circuit].standing, limit: callLimit, at: now, using: &random, in: circuits)
    circuits[circuit].isWithoutPlace = placement == .none
    if case .takenFrom(let other) = placement { crowdOut(other) }
  }

  /// When an accepted circuit is closed unless something comes. Bytes that say nothing do not keep it.
  func end(ofCall circuit: CircuitIdentifier, _ claim: Circuit.Claim) -> Instant {
    let isUsable =
      switch claim {
      case .selfCall: true
      case .name: circuits[circuit].sender != nil
      case .none, .address: circuits[circuit].standing != .unproven
      }
    guard isUsable else { return circuits[circuit].began + Node.firstPacketTimeout }
    return circuits[circuit].lastReceived + max(settings.idle, Node.keepaliveInterval) + Node.acceptedGrace
  }

  private mutating func crowdOut(_ circuit: CircuitIdentifier) {
    counters[.crowdedOut] += 1
    perform(.close(circuit))
    _ = takeOut(circuit)
    tell(.crowdedOut)
  }
}
