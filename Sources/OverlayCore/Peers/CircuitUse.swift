/// The use of a circuit.
enum CircuitUse {
  /// This host dialled it to a peer, for the lane with this number.
  case lane(PeerSlots.Index, Int)
  /// This host dialled it to a peer, to replace the first circuit.
  case successor(PeerSlots.Index)
  /// Somebody else dialled it.
  case call(Call)
  /// It carries nothing: the SOCKS server is asked why the peer with this address is not reached.
  case question(about: IPv6Address)
  /// It carries nothing: the lookup service of this address is asked by this index.
  case lookUp(IPv6Address, index: UInt8)
  /// It carries nothing: the lookup service of this host itself is asked, to find out whether others find it.
  case ownLookUp

  /// The peer that was dialled; `nil` for any other use.
  var dialledPeer: PeerSlots.Index? {
    switch self {
    case .lane(let peer, _), .successor(let peer): peer
    case .call, .question, .lookUp, .ownLookUp: nil
    }
  }
}

/// What is known of an accepted circuit.
struct Call {
  /// The sender of its packets.
  var sender = Sender.unknown
  /// The Tor circuit that it came through; `nil` as long as Tor has not said so.
  var torCircuit: UInt32?
  /// Whether its sender was selected among the strangers and dialled. Each circuit is selected once.
  var wasSelected = false
  /// Whether its standing entitles it to be established among the accepted circuits, and there was no place yet.
  var isWithoutPlace = false
  /// Whether somebody calls with whom the operator wants nothing to do.
  var isUnwelcome = false
}
