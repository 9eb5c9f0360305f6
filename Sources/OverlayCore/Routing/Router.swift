/// The router decides where a packet from the device goes. It looks at the addresses alone.
struct Router {
  /// What is to be done with a packet.
  enum Decision: Equatable {
    /// Send it to the peer with this address.
    case peer(IPv6Address)
    /// Answer it here: it is for `dead:beef`.
    case reflect
    /// Send it through Tor to this host itself: it is for `feed:beef`.
    case selfCall
    /// Refuse it: its source is another host of the overlay. Drop it if that host is a peer, whose packet came back.
    case foreign
    /// Tell the sender that it cannot arrive.
    case refuse(ICMPv6Unreachable.Code, Counter)
    /// Drop it without an answer, and count it.
    case drop(Counter)
  }

  /// This host's overlay address.
  let address: IPv6Address
  /// This host's IPv4 address, if it has one.
  var ipv4Address: IPv4Address?
  /// The prefixes outside the overlay.
  var table = RouteTable()
  private let network = OverlayNetwork.tor

  /// Returns the decision for a packet with this header.
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

  /// Returns the decision for an IPv4 packet with this header.
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

/// Reflection turns a packet back to its sender by swapping its addresses. An echo request so comes back to the kernel
/// that sent it. The kernel answers, and the answer is turned back as well, which satisfies ping. The checksum stays
/// right, because a sum does not depend on the order of what it adds.
enum Reflection {
  /// Calls `body` with a copy of the packet whose source and destination are swapped. It must be a whole IPv6 packet.
  static func of(_ packet: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
    withUnsafeTemporaryAllocation(byteCount: packet.count, alignment: 8) { reflected in
      reflected.copyMemory(from: packet)
      IPv6Address(loading: packet, at: 24).store(into: reflected, at: 8)
      IPv6Address(loading: packet, at: 8).store(into: reflected, at: 24)
      body(UnsafeRawBufferPointer(reflected))
    }
  }
}
