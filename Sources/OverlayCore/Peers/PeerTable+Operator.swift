/// What the operator does to a peer while the node runs: block it, dial it now, leave it alone.
extension PeerTable {
  /// The greatest number of blocked addresses.
  static let blockedLimit = 1_024

  /// Returns whether the operator wants nothing to do with the peer with this address: he blocked it, or keeps to a
  /// group that it is not in.
  func isBlocked(_ address: IPv6Address) -> Bool {
    !blocked.isEmpty && blocked.contains(address) || !isInGroup(address)
  }

  private func isInGroup(_ address: IPv6Address) -> Bool {
    guard let group else { return true }
    return group.contains(address) || address == policy.name.address
      || address == OverlayNetwork.tor.circuitResponder
  }

  /// Keeps to the peers with these addresses; `nil` lets anybody in. It returns the addresses of others whose circuits
  /// the caller has to close.
  @discardableResult
  mutating func keep(toGroup group: Set<IPv6Address>?) -> [IPv6Address] {
    guard group != self.group else { return [] }
    self.group = group
    return peers.indices.map { peers[$0].address }.filter { !isInGroup($0) }
  }

  /// Notes that an accepted circuit claims an address with which the operator wants nothing to do. The caller closes
  /// it.
  mutating func refuseClaim(of address: IPv6Address, by circuit: CircuitIdentifier) {
    guard isBlocked(address), var call = call(circuit) else { return }
    call.isUnwelcome = true
    set(.call(call), of: circuit)
  }

  /// Blocks the peer with this address: it is not dialled, and may not call. The caller closes its circuits. It returns
  /// false if too many are blocked.
  mutating func block(_ address: IPv6Address) -> Bool {
    guard blocked.contains(address) || blocked.count < PeerTable.blockedLimit else { return false }
    blocked.insert(address)
    return true
  }

  /// Ends the block of an address, and dials a configured peer. It returns false if the address was not blocked.
  mutating func unblock(
    _ address: IPv6Address, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) -> Bool {
    guard blocked.remove(address) != nil else { return false }
    if let peer = peers.find(address) { redial(peer, names: &names, streams: &streams, out: &out, at: now) }
    return true
  }

  /// Returns the accepted circuits of the peer with this address, and its first circuit, with which its others end.
  func circuitsToClose(of address: IPv6Address) -> [CircuitIdentifier] {
    guard let peer = peers.find(address) else { return [] }
    return peers[peer].incoming + [peers[peer].sparse.current?.circuit].compactMap(\.self)
  }

  /// Lets a peer alone until a packet wants it, or the operator does. The caller closes its circuits.
  mutating func hold(_ address: IPv6Address) {
    guard let peer = peers.find(address), peers[peer].isPermanent else { return }
    peers[peer].isHeld = true
  }

  /// Dials a peer now, whatever its pace says.
  mutating func connect(
    _ name: OnionName, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) -> PeerConnection {
    guard isInGroup(name.address) else { return .notInGroup }
    guard !isBlocked(name.address) else { return .blocked }
    var known = peers.find(name.address)
    if let peer = known, peers[peer].name != name { known = nil }
    // Whatever comes of it now, the peer is dialled again from here on.
    if let known { peers[known].isHeld = false }
    guard tor != .unreachable else { return .torUnreachable }
    if let known {
      guard !peers[known].hasCircuit else { return peers[known].state == .up ? .isUp : .isDialled }
      peers[known].forgetPace()
    }
    // A name that the operator gives is no stranger who waits for its turn.
    guard dial(name, isSelected: true, names: &names, streams: &streams, out: &out, at: now) != nil else {
      return .noRoom
    }
    return .isDialled
  }

  /// Notes that an obstacle on the way to a peer is gone, such as that Tor had no key for its service. A configured one
  /// that is not left alone is dialled as soon as its pace permits, however long it was not reached.
  mutating func obstacleIsGone(
    to name: OnionName, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard let peer = peers.find(name.address), peers[peer].name == name else { return }
    peers[peer].forgive()
    redial(peer, names: &names, streams: &streams, out: &out, at: now)
  }

  /// Makes what tells a question from any other.
  mutating func makeMark() -> (identifier: UInt16, token: [UInt8]) {
    let token = (0..<EchoProbe.tokenSize).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    return (UInt16.random(in: .min ... .max, using: &random), token)
  }

  /// Returns the status of the peer with this address, whoever it is; `nil` if there is none.
  func status(
    of address: IPv6Address, in streams: borrowing Streams, petnames: [OnionName: Petname], at now: Instant
  ) -> PeerStatus? {
    peers.find(address).map { status(of: $0, in: streams, petnames, at: now) }
  }
}

/// The result of the operator's wish to dial a peer.
public enum PeerConnection: Equatable, Sendable {
  /// A circuit is being built.
  case isDialled
  /// A circuit is open.
  case isUp
  /// The operator blocked the peer.
  case blocked
  /// The operator keeps to a group that the peer is not in.
  case notInGroup
  /// Tor's SOCKS port takes no connections.
  case torUnreachable
  /// Too many circuits are open, or being built.
  case noRoom
}
