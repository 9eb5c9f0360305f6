/// Admission decides which packets from a circuit may reach the device. A peer may send from its own address and from
/// prefixes that are routed to it. It may send to this host and to what is behind this host.
struct Admission {
  /// What is to be done with a packet.
  enum Decision: Equatable {
    /// Write it to the device.
    case deliver
    /// Answer it: this host sent it to itself through Tor.
    case reflect
    /// Read it as a keepalive, which never reaches the device.
    case keepalive
    /// Drop it and count it.
    case drop(Counter)
  }

  /// This host's overlay address.
  let address: IPv6Address
  /// This host's IPv4 address, if it has one.
  var ipv4Address: IPv4Address?
  /// The prefixes outside the overlay.
  private(set) var table = RouteTable()
  private let network = OverlayNetwork.tor

  /// Replaces the prefixes outside the overlay.
  mutating func use(_ table: RouteTable) { self.table = table }

  /// Returns whether a peer can have the overlay address `source`. The addresses of this host and of the responders are
  /// no peer's.
  func isPeer(_ source: IPv6Address) -> Bool {
    network.isPeer(source, of: address)
  }

  /// Returns the decision for a packet on a circuit of `sender`, which is `nil` while the sender is unknown, as that of
  /// a peer stays whom the operator blocked (`isBlocked`).
  func admit(_ packet: PacketView, from sender: IPv6Address?, isBlocked: Bool = false) -> Decision {
    if packet.isKeepalive { return packet.destination == address ? .keepalive : .drop(.foreignKeepalive) }
    let own = packet.isIPv4 ? ipv4Address.map { IPv6Address(mapping: $0) } : address
    guard packet.destination == own || table.match(packet.destination, isIPv4: packet.isIPv4) == .served else {
      return .drop(.foreignDestination)
    }
    if sender == nil, isBlocked { return .drop(.blocked) }
    guard let sender, isPeer(sender), packet.source != own,
      packet.source == sender || table.match(packet.source, isIPv4: packet.isIPv4) == .peer(sender)
    else {
      return .drop(reason(against: packet.source, own: own))
    }
    return packet.hopLimit > 0 ? .deliver : .drop(.hopLimit)
  }

  /// Returns why a source is not its circuit's peer.
  private func reason(against source: IPv6Address, own: IPv6Address?) -> Counter {
    if source == own || network.isResponder(source) { return .ownSource }
    return source.mappedAddress?.isHost ?? source.isHost ? .forgedSource : .impossibleSource
  }

  /// Returns the decision for a packet on a circuit that this host dialled to itself. There is no IPv4 on it.
  func admitSelfCall(_ packet: PacketView) -> Decision {
    guard !packet.isIPv4 else { return admit(packet, from: nil) }
    if packet.isKeepalive { return packet.destination == address ? .keepalive : .drop(.foreignKeepalive) }
    guard packet.source == address || table.match(packet.source, isIPv4: false) == .served,
      packet.destination == network.circuitResponder
    else {
      return .drop(.forgedSource)
    }
    return .reflect
  }
}
