/// The services that a node itself has at addresses of the overlay: a list that stands before the door. A packet for one
/// of them never reaches the device as it came.
struct LocalServices {
  /// Where a packet came from.
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
    /// It sends each packet back to where it came from.
    case mirror
    /// It takes the replies to our own echo requests.
    case probes
  }

  /// A service at an address, for packets from one origin.
  struct Service {
    let address: IPv6Address
    let origin: Origin
    let kind: Kind
  }

  private let list: [Service]

  /// The services of the host at `own`.
  init(own: IPv6Address) {
    let network = OverlayNetwork.tor
    list = [
      Service(address: network.localResponder, origin: .device, kind: .mirror),
      Service(address: network.circuitResponder, origin: .ownCircuit, kind: .mirror),
      Service(address: own, origin: .peer, kind: .probes),
    ]
  }

  /// The service that a packet is for; `nil` for none.
  func kind(for packet: PacketView, from origin: Origin) -> Kind? {
    list.first { $0.origin == origin && $0.address == packet.destination }?.kind
  }

  /// Sends a packet back to where it came from.
  func mirror<Device: PacketDevice & ~Copyable>(
    _ packet: PacketView, _ offload: OffloadHeader, through delivery: borrowing Delivery, out: inout Outbox,
    turn: inout Turn<Device>
  ) {
    out.counters[.reflected] += 1
    Reflection.of(packet) { delivery.hand($0, offload, out: &out, turn: &turn) }
  }
}
