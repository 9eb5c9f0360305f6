/// Which packets that come over a circuit may reach the device.
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
  private let network = OverlayNetwork.tor

  /// Whether an overlay address can be a peer's: ours and the responders' cannot.
  func isPeer(_ source: IPv6Address) -> Bool {
    network.contains(source) && source != address && source != network.localResponder
      && source != network.circuitResponder
  }

  /// The decision for a packet with this header on a circuit of `sender`; `nil` where the sender is not known yet.
  func admit(_ header: IPv6Header, from sender: IPv6Address?) -> Decision {
    if header.nextHeader == NextHeader.none { return .keepalive }
    guard header.destination == address else { return .drop(.foreignDestination) }
    guard let sender, header.source == sender, isPeer(sender) else { return .drop(.forgedSource) }
    return .deliver
  }

  /// The decision for a packet with this header on a circuit that we dialled to ourselves.
  func admitSelfCall(_ header: IPv6Header) -> Decision {
    if header.nextHeader == NextHeader.none { return .keepalive }
    guard header.source == address, header.destination == network.circuitResponder else {
      return .drop(.forgedSource)
    }
    return .reflect
  }
}
