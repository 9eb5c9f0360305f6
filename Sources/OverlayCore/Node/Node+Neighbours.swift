extension Node {
  /// Somebody behind this host asks for `address`: begins to dial the peer that has it, or that it is behind of, if
  /// there is no circuit to that peer, and it may be dialled as for a packet.
  public mutating func want(_ address: IPv6Address, at now: Instant) {
    guard let peer = peer(of: address), circuit(to: peer) == nil, let name = names.name(of: peer) else { return }
    if dial(name, at: now) == nil { hasten(name, at: now) }
  }

  /// Whether a peer with this overlay address is there now: a circuit to it is open, or one that claims to be its was
  /// accepted. Looks at every circuit.
  public func isLive(_ address: IPv6Address) -> Bool {
    guard admission.isPeer(address) else { return false }
    if let circuit = dialled[address], circuits[circuit].isOpen { return true }
    return circuits.identifiers.contains { circuits[$0].dialledPeer == nil && circuits[$0].sender == address }
  }
}
