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
  private(set) var table = RouteTable()
  private let network = OverlayNetwork.tor

  /// Replaces the prefixes outside the overlay.
  mutating func use(_ table: RouteTable) { self.table = table }

  /// Returns the decision for a packet.
  func route(_ packet: PacketView) -> Decision {
    // What every kernel says to a new link: neighbour discovery, reports of group membership, broadcasts of services.
    if packet.isForLink { return .drop(.multicast) }
    let (source, destination) = (packet.source, packet.destination)
    let own = packet.isIPv4 ? ipv4Address.map { IPv6Address(mapping: $0) } : address
    if source != own {
      switch table.match(source, isIPv4: packet.isIPv4) {
      case .served: break
      // It came from there, and does not go back: nothing goes round in circles.
      case .peer: return .drop(.returned)
      case .none: return network.contains(source) ? .foreign : .refuse(.prohibited, .foreignSource)
      }
    }
    // Peers read it as said by us, and not by somebody behind us.
    if packet.isKeepalive { return .drop(.falseKeepalive) }
    if destination == own { return .drop(.loop) }
    guard network.contains(destination) else { return decision(table.match(destination, isIPv4: packet.isIPv4)) }
    switch destination {
    case network.localResponder: return .reflect
    case network.circuitResponder: return .selfCall
    default: return .peer(destination)
    }
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
  /// Calls `body` with a copy of the packet whose source and destination are swapped. It does nothing with an IPv4
  /// packet, which nobody turns back.
  static func of(_ packet: PacketView, _ body: (UnsafeRawBufferPointer) -> Void) {
    guard !packet.isIPv4 else { return }
    withUnsafeTemporaryAllocation(byteCount: packet.count, alignment: 8) { reflected in
      reflected.copyMemory(from: packet.bytes)
      packet.destination.store(into: reflected, at: IPv6Header.Field.source)
      packet.source.store(into: reflected, at: IPv6Header.Field.destination)
      body(UnsafeRawBufferPointer(reflected))
    }
  }
}

extension PacketView {
  /// Whether the packet is for hosts of the sender's own link: for a group, for a link-local address or, of IPv4, for
  /// all.
  fileprivate var isForLink: Bool {
    guard isIPv4, let destination = destination.mappedAddress else {
      return destination.isMulticast || destination.isLinkLocal
    }
    return destination.isMulticast || destination.isLinkLocal || destination == .broadcast
  }
}
