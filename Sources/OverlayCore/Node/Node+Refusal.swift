extension Node {
  /// Tells the sender of `packet`, which is this host or behind it, that it will not arrive. The error comes from
  /// `dead:beef`, the local daemon's address. The daemon has none of IPv4, and a kernel drops what comes to it from its
  /// own address: there the error comes from where the packet was to go, as a last resort.
  mutating func refuse<Device: PacketSink & ~Copyable>(
    _ packet: PacketView, _ code: ICMPv6Unreachable.Code, at now: Instant, device: inout Device
  ) {
    if packet.isIPv4, let destination = packet.destination.mappedAddress {
      let reason: ICMPv4Error.Reason =
        switch code {
        case .noRoute: .networkUnreachable
        case .prohibited: .prohibited
        case .addressUnreachable: .hostUnreachable
        }
      ICMPv4Error.withError(reason, about: packet, from: destination) {
        answer($0, at: now, device: &device)
      }
    } else {
      ICMPv6Unreachable.withError(code, about: packet, from: OverlayNetwork.tor.localResponder) {
        answer($0, at: now, device: &device)
      }
    }
  }

  private mutating func answer<Device: PacketSink & ~Copyable>(
    _ error: UnsafeRawBufferPointer, at now: Instant, device: inout Device
  ) {
    guard unreachableLimit.take(at: now) else {
      counters[.unreachableLimited] += 1
      return
    }
    counters[.unreachable] += 1
    if !device.deliver(error) { counters[.deviceRefused] += 1 }
  }

  /// Tells the sender of `packet`, which a peer sent, that it could not be delivered here: the error goes over a circuit
  /// to the peer that the packet's source belongs to, ten times a second at the most. It comes from our own address; of
  /// IPv4, too, if the peer takes that for ours, and otherwise from where the packet was to go.
  ///
  /// No error is sent about an error, a packet to a group or a fragment that is not the first, nor to whom no peer is
  /// known for.
  public mutating func refuse(fromOverlay packet: UnsafeRawBufferPointer, _ error: DeliveryError, at now: Instant) {
    guard let packet = PacketView(reading: packet) else { return }
    if !packet.isIPv4 {
      // A later fragment has no upper layer, and one whose headers are cut off is not worth an answer.
      guard let peer = peer(of: packet.source), packet.upper.layer != nil else { return }
      switch error {
      case .tooLong(let mtu):
        ICMPv6TooBig.withError(
          mtu: UInt32(clamping: max(mtu, ICMPv6TooBig.smallestMTU)), about: packet, from: settings.name.address
        ) { answer($0, to: peer, at: now) }
      case .unreachable:
        ICMPv6Unreachable.withError(.addressUnreachable, about: packet, from: settings.name.address) {
          answer($0, to: peer, at: now)
        }
      }
    } else if settings.carriesIPv4, let header = IPv4Header(packet),
      case .peer(let peer) = router.table.match(packet.source, isIPv4: true)
    {
      let reason: ICMPv4Error.Reason =
        switch error {
        case .tooLong(let mtu): .fragmentationNeeded(mtu: UInt16(clamping: max(mtu, IPv4Header.smallestMTU)))
        case .unreachable: .hostUnreachable
        }
      ICMPv4Error.withError(reason, about: packet, from: errorSource(for: header)) { answer($0, to: peer, at: now) }
    }
  }

  /// The overlay address of the peer that an address belongs to, or is behind of.
  func peer(of address: IPv6Address) -> IPv6Address? {
    if admission.isPeer(address) { return address }
    guard case .peer(let peer) = router.table.match(address, isIPv4: false) else { return nil }
    return peer
  }

  /// A peer takes from us what is routed to us, which is what we serve.
  private func errorSource(for header: IPv4Header) -> IPv4Address {
    guard let own = settings.ipv4Address, router.table.match(IPv6Address(mapping: own), isIPv4: true) == .served else {
      return header.destination
    }
    return own
  }

  private mutating func answer(_ error: UnsafeRawBufferPointer, to peer: IPv6Address, at now: Instant) {
    guard peerErrorLimit.take(at: now) else {
      counters[.peerErrorLimited] += 1
      return
    }
    guard let circuit = circuit(to: peer) ?? names.name(of: peer).flatMap({ dial($0, at: now) }) else { return }
    counters[.peerError] += 1
    append(error, to: circuit, at: now)
  }
}

/// Why a packet of a peer could not be delivered on this side, as its sender is told.
public enum DeliveryError: Equatable, Sendable {
  /// It is longer than the link carries, whose MTU is this many bytes: "packet too big", or "fragmentation needed".
  case tooLong(mtu: Int)
  /// Nobody answers for its destination: "address unreachable", or "host unreachable".
  case unreachable
}
