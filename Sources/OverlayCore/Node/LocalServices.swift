/// The services that a node itself has at addresses of the overlay. They stand before the door, and a packet for one of
/// them never reaches the device as it came.
struct LocalServices {
  /// The origin of a packet.
  enum Origin {
    /// This host, or one behind it.
    case device
    /// A circuit that this host dialled to itself.
    case ownCircuit
    /// A peer.
    case peer
  }

  /// What a service does.
  enum Kind {
    /// It sends each packet back to its origin.
    case mirror
    /// It takes the replies to the node's own echo requests.
    case probes
    /// It takes the answers to the node's own questions for names, and answers those of peers.
    case names
  }

  /// A service at an address, for packets from one origin, of one protocol or of any.
  struct Service {
    let address: IPv6Address
    let origin: Origin
    var nextHeader: UInt8?
    let kind: Kind
  }

  private let list: [Service]
  /// The operator's echo requests.
  var pings = Pings()

  /// Makes the services of the host with the address `own`.
  init(own: IPv6Address) {
    let network = OverlayNetwork.tor
    list = [
      Service(address: network.localResponder, origin: .device, kind: .mirror),
      Service(address: network.circuitResponder, origin: .ownCircuit, kind: .mirror),
      Service(address: own, origin: .peer, nextHeader: NextHeader.icmp, kind: .probes),
      Service(address: own, origin: .peer, nextHeader: NextHeader.udp, kind: .names),
    ]
  }

  /// Returns the kind of the service that a packet is for; `nil` for none.
  func kind(for packet: PacketView, from origin: Origin) -> Kind? {
    list.first { service in
      service.origin == origin && service.nextHeader ?? packet.nextHeader == packet.nextHeader
        && service.address == packet.destination
    }?.kind
  }

  /// Sends a packet back to its origin.
  func mirror<Device: PacketDevice & ~Copyable>(
    _ packet: PacketView, _ offload: OffloadHeader, through delivery: borrowing Delivery, out: inout Outbox,
    turn: inout Turn<Device>
  ) {
    out.counters[.reflected] += 1
    Reflection.of(packet) { delivery.hand($0, offload, out: &out, turn: &turn) }
  }
}
