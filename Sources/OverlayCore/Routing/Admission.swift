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
  var table = RouteTable()
  private let network = OverlayNetwork.tor

  /// Returns whether a peer can have the overlay address `source`. The addresses of this host and of the responders are
  /// no peer's.
  func isPeer(_ source: IPv6Address) -> Bool {
    network.contains(source) && source != address && source != network.localResponder
      && source != network.circuitResponder
  }

  /// Returns the decision for a packet with this header on a circuit of `sender`, which is `nil` while the sender is
  /// unknown.
  func admit(_ header: IPv6Header, from sender: IPv6Address?) -> Decision {
    if header.nextHeader == NextHeader.none { return .keepalive }
    guard header.destination == address || table.match(header.destination) == .served else {
      return .drop(.foreignDestination)
    }
    guard let sender, isPeer(sender), header.source == sender || table.match(header.source) == .peer(sender) else {
      return .drop(.forgedSource)
    }
    return .deliver
  }

  /// Returns the decision for an IPv4 packet with this header on a circuit of `sender`.
  func admit(_ header: IPv4Header, from sender: IPv6Address?) -> Decision {
    guard header.destination == ipv4Address || table.match(header.destination) == .served else {
      return .drop(.foreignDestination)
    }
    guard let sender, isPeer(sender), header.source != ipv4Address, table.match(header.source) == .peer(sender) else {
      return .drop(.forgedSource)
    }
    return .deliver
  }

  /// Returns the decision for a packet with this header on a circuit that this host dialled to itself.
  func admitSelfCall(_ header: IPv6Header) -> Decision {
    if header.nextHeader == NextHeader.none { return .keepalive }
    guard header.source == address || table.match(header.source) == .served,
      header.destination == network.circuitResponder
    else {
      return .drop(.forgedSource)
    }
    return .reflect
  }
}
