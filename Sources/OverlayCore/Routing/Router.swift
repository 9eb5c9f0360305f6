/// Where a packet from the device goes, by its addresses alone.
struct Router {
  /// What is to be done with a packet.
  enum Decision: Equatable {
    /// Send it to the peer with this address.
    case peer(IPv6Address)
    /// Answer it ourselves: `dead:beef`.
    case reflect
    /// Send it through Tor to ourselves: `feed:beef`.
    case selfCall
    /// Tell the sender that it will not arrive.
    case refuse(ICMPv6Unreachable.Code, Counter)
    /// Drop it in silence.
    case drop(Counter)
  }

  /// Our own address.
  let address: IPv6Address
  private let network = OverlayNetwork.tor

  /// The decision for a packet with this header.
  func route(_ header: IPv6Header) -> Decision {
    // What every kernel says to a new link: neighbour discovery, multicast listener reports.
    if header.destination.isMulticast || header.destination.isLinkLocal { return .drop(.multicast) }
    if header.source != address { return .refuse(.prohibited, .foreignSource) }
    guard network.contains(header.destination) else { return .refuse(.noRoute, .outsideOverlay) }
    switch header.destination {
    case network.localResponder: return .reflect
    case network.circuitResponder: return .selfCall
    case address: return .drop(.loop)
    default: return .peer(header.destination)
    }
  }
}
