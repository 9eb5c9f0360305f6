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
    /// Its source is another host of the overlay: refuse it, unless that host is a peer, whose packet came back.
    case foreign
    /// Tell the sender that it will not arrive.
    case refuse(ICMPv6Unreachable.Code, Counter)
    /// Drop it in silence.
    case drop(Counter)
  }

  /// Our own address.
  let address: IPv6Address
  /// Our own IPv4 address, if there is one.
  var ipv4Address: IPv4Address?
  /// What lies beside the overlay.
  var table = RouteTable()
  private let network = OverlayNetwork.tor

  /// The decision for a packet with this header.
  func route(_ header: IPv6Header) -> Decision {
    // What every kernel says to a new link: neighbour discovery, multicast listener reports.
    if header.destination.isMulticast || header.destination.isLinkLocal { return .drop(.multicast) }
    if header.source != address {
      switch table.match(header.source) {
      case .served: break
      // It came from there, and does not go back: nothing goes round in circles.
      case .peer: return .drop(.returned)
      case .none: return network.contains(header.source) ? .foreign : .refuse(.prohibited, .foreignSource)
      }
    }
    // Peers read it as said by us, and not by somebody behind us.
    if header.nextHeader == NextHeader.none { return .drop(.falseKeepalive) }
    guard network.contains(header.destination) else {
      return decision(table.match(header.destination))
    }
    switch header.destination {
    case network.localResponder: return .reflect
    case network.circuitResponder: return .selfCall
    case address: return .drop(.loop)
    default: return .peer(header.destination)
    }
  }

  /// The decision for an IPv4 packet with this header.
  func route(_ header: IPv4Header) -> Decision {
    // What every kernel says to a new link: group membership, broadcasts of services.
    let destination = header.destination
    if destination.isMulticast || destination.isLinkLocal || destination == .broadcast { return .drop(.multicast) }
    if header.source != ipv4Address {
      switch table.match(header.source) {
      case .served: break
      case .peer: return .drop(.returned)
      case .none: return .refuse(.prohibited, .foreignSource)
      }
    }
    return destination == ipv4Address ? .drop(.loop) : decision(table.match(destination))
  }

  private func decision(_ match: RouteTable.Match) -> Decision {
    switch match {
    case .peer(let address): .peer(address)
    case .served: .drop(.loop)
    case .none: .refuse(.noRoute, .outsideOverlay)
    }
  }
}

/// Turns a packet back to its sender by swapping its addresses: an echo request comes back to the kernel that sent it,
/// which answers, and its answer, turned back too, satisfies ping. No checksum changes, for a sum does not care for order.
enum Reflection {
  /// Hands `body` the packet with source and destination swapped; it must be a whole IPv6 packet.
  static func of(_ packet: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
    withUnsafeTemporaryAllocation(byteCount: packet.count, alignment: 8) { reflected in
      reflected.copyMemory(from: packet)
      IPv6Address(loading: packet, at: 24).store(into: reflected, at: 8)
      IPv6Address(loading: packet, at: 8).store(into: reflected, at: 24)
      body(UnsafeRawBufferPointer(reflected))
    }
  }
}
