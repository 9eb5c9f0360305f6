/// Which packets that come over a circuit may reach the device: from a peer those of its own address and of what is
/// routed to it, to this host and what is behind it.
struct Admission {
  /// What is to be done with a packet.
  enum Decision: Equatable {
    /// Write it to the device.
    case deliver
    /// It came back to us through Tor: answer it.
    case reflect
    /// Read what it says; it never reaches the device.
    case keepalive
    /// Drop it and count.
    case drop(Counter)
  }

  /// Our own address.
  let address: IPv6Address
  /// Our own IPv4 address, if there is one.
  var ipv4Address: IPv4Address?
  /// What lies beside the overlay.
  var table = RouteTable()
  private let network = OverlayNetwork.tor

  /// Whether an overlay address can be a peer's: ours and the responders' cannot.
  func isPeer(_ source: IPv6Address) -> Bool {
    network.contains(source) && source != address && source != network.localResponder
      && source != network.circuitResponder
  }

  /// The decision for a packet with this header on a circuit of `sender`; `nil` where the sender is not known yet.
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

  /// The same for an IPv4 packet.
  func admit(_ header: IPv4Header, from sender: IPv6Address?) -> Decision {
    guard header.destination == ipv4Address || table.match(header.destination) == .served else {
      return .drop(.foreignDestination)
    }
    guard let sender, isPeer(sender), header.source != ipv4Address, table.match(header.source) == .peer(sender) else {
      return .drop(.forgedSource)
    }
    return .deliver
  }

  /// The decision for a packet with this header on a circuit that we dialled to ourselves.
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
