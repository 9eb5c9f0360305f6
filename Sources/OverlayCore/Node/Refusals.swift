/// Refusals tell the senders of packets that these do not arrive. The errors and log lines that peers can cause are
/// bounded apart from those that hosts on this side can cause, so that neither kind starves the other (RFC 4443 section
/// 2.4 (f)).
struct Refusals {
  /// The greatest number of addresses without a known name that are remembered.
  static let mostUnknownTold = 256

  private var toDevice = TokenBucket(rate: 10, burst: 10)
  // Strangers must not keep peers that the operator knows from hearing how long packets may be.
  private var toKnown = PeerErrors()
  private var toStrangers = PeerErrors()
  // The addresses without a known name that the log has told of.
  private(set) var unknownTold: Set<IPv6Address> = []
  private var unknownLines = TokenBucket(rate: 1, burst: 20)

  /// Tells the sender of `packet`, this host or one behind it, that the packet will not arrive. The error comes from
  /// `dead:beef`, the address of the local daemon. The daemon has no IPv4 address, and a kernel drops a packet from its
  /// own address, so an IPv4 error comes from the packet's destination.
  mutating func refuse<Device: PacketDevice & ~Copyable>(
    _ packet: PacketView, _ code: ICMPv6Unreachable.Code, through delivery: borrowing Delivery, out: inout Outbox,
    turn: inout Turn<Device>
  ) {
    // An error that would not be sent is not made: of a flood of packets nearly none is.
    guard toDevice.has(at: turn.now) else {
      out.counters[.unreachableLimited] += 1
      return
    }
    if let destination = packet.destination.mappedAddress, packet.isIPv4 {
      let reason: ICMPv4Error.Reason =
        switch code {
        case .noRoute: .networkUnreachable
        case .prohibited: .prohibited
        case .addressUnreachable: .hostUnreachable
        }
      ICMPv4Error.withError(reason, about: packet, from: destination) {
        answer($0, through: delivery, out: &out, turn: &turn)
      }
    } else {
      ICMPv6Unreachable.withError(code, about: packet, from: OverlayNetwork.tor.localResponder) {
        answer($0, through: delivery, out: &out, turn: &turn)
      }
    }
  }

  private mutating func answer<Device: PacketDevice & ~Copyable>(
    _ error: UnsafeRawBufferPointer, through delivery: borrowing Delivery, out: inout Outbox, turn: inout Turn<Device>
  ) {
    _ = toDevice.take(at: turn.now)
    out.counters[.unreachable] += 1
    delivery.hand(error, out: &out, turn: &turn)
  }

  /// Returns whether an error may be sent now to a peer, whom the operator knows or not, and counts the error if so.
  mutating func mayTellPeer(_ error: DeliveryError, isKnown: Bool, out: inout Outbox, at now: Instant) -> Bool {
    guard isKnown ? toKnown.take(error, at: now) : toStrangers.take(error, at: now) else {
      out.counters[.peerErrorLimited] += 1
      return false
    }
    return true
  }

  /// Tells once that the name of an address is not known. Past `mostUnknownTold` addresses all of them are forgotten
  /// and told of again. In the long run it tells of one a second at most.
  mutating func tellUnknown(_ address: IPv6Address, out: inout Outbox, at now: Instant) {
    guard unknownLines.has(at: now), !unknownTold.contains(address) else { return }
    _ = unknownLines.take(at: now)
    if unknownTold.count == Refusals.mostUnknownTold { unknownTold = [] }
    unknownTold.insert(address)
    out.tell(.unknownName(address))
  }
}

/// How many errors may be sent to peers.
private struct PeerErrors {
  private var onTheWay = TokenBucket(rate: 10, burst: 10)
  // Whoever tries all ports of this host must not keep others from hearing how long packets may be.
  private var atDoor = TokenBucket(rate: 10, burst: 10)

  mutating func take(_ error: DeliveryError, at now: Instant) -> Bool {
    error == .prohibited ? atDoor.take(at: now) : onTheWay.take(at: now)
  }
}

/// The reason why a packet of a peer could not be delivered on this side.
public enum DeliveryError: Equatable, Sendable {
  /// It is longer than the link's MTU in bytes: "packet too big", or "fragmentation needed".
  case tooLong(mtu: Int)
  /// Nobody answers for its destination: "address unreachable", or "host unreachable".
  case unreachable
  /// The door is closed to it: "communication administratively prohibited".
  case prohibited
}
