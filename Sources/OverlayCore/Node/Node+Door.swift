/// The door, as the node uses it.
extension Node {
  /// Returns whether an admitted packet comes in past the door. If not, it is counted, its sender hears so unless the
  /// door is silent, and the operator is told once in a while of a configured peer's.
  mutating func isLetIn(_ packet: PacketView, from circuit: CircuitIdentifier, at now: Instant) -> Bool {
    guard let caller = peers.source(of: circuit) else { return false }
    switch door.admit(packet, from: caller, at: now) {
    case .admitted: return true
    case .admittedAbout(let address):
      if (packet.isIPv4 ? peer(behindOf: address, isIPv4: true) : peer(of: address)) == caller { return true }
      drop(.doorQuote, on: circuit)
    case .refused(let counter, let subject): refuseAtDoor(packet, counter, subject, caller, circuit, at: now)
    }
    return false
  }

  private mutating func refuseAtDoor(
    _ packet: PacketView, _ counter: Counter, _ subject: DoorRule.Subject, _ caller: IPv6Address,
    _ circuit: CircuitIdentifier, at now: Instant
  ) {
    drop(counter, on: circuit)
    if counter != .doorQuote { noteClosed(subject, caller, circuit, at: now) }
    if door.policy.refusal == .icmp { refuse(fromOverlay: packet, .prohibited, at: now) }
  }

  private mutating func noteClosed(
    _ subject: DoorRule.Subject, _ caller: IPv6Address, _ circuit: CircuitIdentifier, at now: Instant
  ) {
    guard let label = peers.configuredLabel(ofCaller: circuit) else { return }
    var refusal = Refusal(peer: label, kind: .closed, about: nil)
    guard refusedInput.tells(refusal, at: now) else { return }
    refusal.rule = "\(subject) from \(door.policy.petnames[caller].map { "\($0)" } ?? "\(caller)")"
    out.tell(.refused(refusal))
  }
}
