/// Refusals tell the senders of packets that these do not arrive. How many errors and lines of the log are made is
/// bounded: those that peers can cause, and those that hosts on this side can, each for themselves, so that neither kind
/// starves the other (RFC 4443 section 2.4 (f)).
struct Refusals {
  /// How many addresses without a known name are remembered.
  static let mostUnknownTold = 256

  private var toDevice = TokenBucket(rate: 10, burst: 10)
  private var toPeers = TokenBucket(rate: 10, burst: 10)
  // The addresses whose names are not known, as far as the log has told of them.
  private(set) var unknownTold: Set<IPv6Address> = []
  private var unknownLines = TokenBucket(rate: 1, burst: 20)

  /// Tells the sender of `packet`, which is this host or behind it, that it will not arrive. The error comes from
  /// `dead:beef`, the local daemon's address. The daemon has none of IPv4, and a kernel drops what comes to it from its
  /// own address: there the error comes from where the packet was to go, as a last resort.
  mutating func refuse<Device: PacketDevice & ~Copyable>(
    _ packet: PacketView, _ code: ICMPv6Unreachable.Code, through delivery: borrowing Delivery, out: inout Outbox,
    turn: inout Turn<Device>
  ) {
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
    guard toDevice.take(at: turn.now) else {
      out.counters[.unreachableLimited] += 1
      return
    }
    out.counters[.unreachable] += 1
    delivery.hand(error, out: &out, turn: &turn)
  }

  /// Whether an error to a peer may be sent now, which is then counted.
  mutating func mayTellPeer(out: inout Outbox, at now: Instant) -> Bool {
    guard toPeers.take(at: now) else {
      out.counters[.peerErrorLimited] += 1
      return false
    }
    return true
  }

  /// Tells that nobody knows the name of an address, once for each: at most `mostUnknownTold` of them, and then anew, at
  /// most one a second in the long run.
  mutating func tellUnknown(_ address: IPv6Address, out: inout Outbox, at now: Instant) {
    guard !unknownTold.contains(address), unknownLines.take(at: now) else { return }
    if unknownTold.count == Refusals.mostUnknownTold { unknownTold = [] }
    unknownTold.insert(address)
    out.tell(.unknownName(address))
  }
}

/// Why a packet of a peer could not be delivered on this side, as its sender is told.
public enum DeliveryError: Equatable, Sendable {
  /// It is longer than the link carries, whose MTU is this many bytes: "packet too big", or "fragmentation needed".
  case tooLong(mtu: Int)
  /// Nobody answers for its destination: "address unreachable", or "host unreachable".
  case unreachable
}
