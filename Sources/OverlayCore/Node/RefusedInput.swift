/// What a peer sends and this host refuses, although an option would admit it. The operator is told of each kind once
/// an hour for each configured peer, and once an hour for all others together, because anybody can be one of these.
struct RefusedInput {
  /// The time for which a kind is not told again.
  static let interval = Duration.seconds(3_600)

  private struct Key: Hashable {
    let peer: String?
    let kind: Refusal.Kind
  }

  private var told: [Key: Instant] = [:]

  /// Returns whether the operator has to be told of a refusal now, and notes that he is.
  mutating func tells(_ refusal: Refusal, at now: Instant) -> Bool {
    let key = Key(peer: refusal.peer, kind: refusal.kind)
    if let time = told[key], now < time + RefusedInput.interval { return false }
    // Peers that are not configured any more leave entries behind.
    if told[key] == nil { told = told.filter { now < $0.value + RefusedInput.interval } }
    told[key] = now
    return true
  }

  /// Returns whether an address can lie in a prefix that is routed or served.
  static func couldBeAdmitted(_ address: IPv6Address) -> Bool {
    if let address = address.mappedAddress { return address.isHost }
    return address.isHost && !OverlayNetwork.tor.prefix.contains(address)
  }
}

extension Node {
  /// Tells the operator, once in a while, that a peer sends what an option would admit.
  mutating func note(_ kind: Refusal.Kind, _ packet: PacketView?, from circuit: CircuitIdentifier, at now: Instant) {
    let about: IPv6Address? =
      switch kind {
      case .notRouted: packet?.source
      case .ipv4Elsewhere: settings.name.address
      case .ipv4, .notServed, .closed: packet?.destination
      }
    let refusal = Refusal(peer: peers.configuredLabel(ofCaller: circuit), kind: kind, about: about)
    if refusedInput.tells(refusal, at: now) { out.tell(.refused(refusal)) }
  }

  /// Does the same for a packet that was not admitted. What is in the overlay is passed over: no option admits it.
  mutating func noteDropped(_ packet: PacketView, _ counter: Counter, from circuit: CircuitIdentifier, at now: Instant)
  {
    guard peers.source(of: circuit) != nil else { return }
    switch counter {
    case .foreignDestination where RefusedInput.couldBeAdmitted(packet.destination):
      note(.notServed, packet, from: circuit, at: now)
    case .forgedSource where RefusedInput.couldBeAdmitted(packet.source):
      note(.notRouted, packet, from: circuit, at: now)
    default: break
    }
  }
}
