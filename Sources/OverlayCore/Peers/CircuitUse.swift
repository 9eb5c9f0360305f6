/// What a circuit is for.
enum CircuitUse {
  /// It was dialled to a peer, and is this lane's.
  case lane(PeerSlots.Index, Int)
  /// It was dialled to a peer, to take the place of the first lane's circuit.
  case successor(PeerSlots.Index)
  /// Somebody else dialled it.
  case call(Call)

  /// The peer that was dialled; `nil` for a circuit that was accepted.
  var dialledPeer: PeerSlots.Index? {
    switch self {
    case .lane(let peer, _), .successor(let peer): peer
    case .call: nil
    }
  }
}

/// What is known of an accepted circuit.
struct Call {
  /// Who sent it.
  var sender = Sender.unknown
  /// Whether its sender was dialled when it was a stranger's turn.
  var wasSelected = false
  /// Whether its standing has earned it a place among the accepted circuits that it has not got yet.
  var isWithoutPlace = false
}

/// Who sent an accepted circuit, which its first packet or keepalive says for good.
enum Sender: Equatable {
  /// Nothing has been said.
  case unknown
  /// A host with this overlay address, which may have said its name. Packets from there are let in.
  case claimed(IPv6Address, OnionName?)
  /// This host: it is the other end of a circuit that we dialled to our own service.
  case selfCall
  /// Somebody with this name, whose address another name holds. No packet is let in.
  case refused(OnionName)

  /// Whose packets may come; `nil` for nobody's.
  var address: IPv6Address? { if case .claimed(let address, _) = self { address } else { nil } }

  /// The name that was said.
  var name: OnionName? {
    switch self {
    case .claimed(_, let name): name
    case .refused(let name): name
    case .unknown, .selfCall: nil
    }
  }
}
