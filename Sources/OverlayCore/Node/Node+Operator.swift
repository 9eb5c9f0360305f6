/// What the operator asks of single peers while the node runs.
extension Node {
  /// The result of a ping.
  public enum PingStart: Equatable, Sendable {
    /// It was sent, or waits for a circuit.
    case sent
    /// The name of the address is not known.
    case unknownName
    /// The peer cannot be dialled now.
    case unreachable
  }

  /// Returns the name that is known for an overlay address; `nil` if none is.
  public func name(of address: IPv6Address) -> OnionName? { names.name(of: address) }

  /// Returns the status of the peer with this address, one that only calls included; `nil` if there is none.
  public func status(of address: IPv6Address, at now: Instant) -> PeerStatus? {
    peers.status(of: address, in: streams, petnames: settings.policy.petnames, at: now)
  }

  /// Closes all circuits to and from the peer with this address, and lets it alone until a packet wants it, or
  /// `connect`. It returns the number of circuits that were closed.
  public mutating func disconnect<Device: PacketDevice & ~Copyable>(
    _ address: IPv6Address, turn: inout Turn<Device>
  ) -> Int {
    peers.hold(address)
    return closeCircuits(of: address, turn: &turn)
  }

  /// Dials a peer now, whatever its pace says.
  public mutating func connect<Device: PacketDevice & ~Copyable>(
    _ name: OnionName, turn: inout Turn<Device>
  ) -> PeerConnection {
    peers.connect(name, names: &names, streams: &streams, out: &out, at: turn.now)
  }

  /// Notes that an obstacle on the way to a peer is gone, such as that Tor had no key for its service: a configured one
  /// is dialled.
  public mutating func obstacleIsGone<Device: PacketDevice & ~Copyable>(
    to name: OnionName, turn: inout Turn<Device>
  ) {
    peers.obstacleIsGone(to: name, names: &names, streams: &streams, out: &out, at: turn.now)
  }

  /// Blocks the peer with this address: its circuits are closed, it is not dialled, and what it sends is refused. It
  /// returns false if too many are blocked.
  public mutating func block<Device: PacketDevice & ~Copyable>(
    _ address: IPv6Address, turn: inout Turn<Device>
  ) -> Bool {
    guard peers.block(address) else { return false }
    peers.stopSearch(for: address, names: &names, streams: &streams, out: &out, at: turn.now)
    tellUnresolved(turn: &turn)
    _ = closeCircuits(of: address, turn: &turn)
    return true
  }

  /// Ends a block. It returns false if there was none.
  public mutating func unblock<Device: PacketDevice & ~Copyable>(
    _ address: IPv6Address, turn: inout Turn<Device>
  ) -> Bool {
    peers.unblock(address, names: &names, streams: &streams, out: &out, at: turn.now)
  }

  /// Sends an echo request with this number to the peer with this address, and dials the peer if there is no circuit.
  /// The event `pingAnswered` tells of the reply.
  public mutating func ping<Device: PacketDevice & ~Copyable>(
    _ address: IPv6Address, number: Int, turn: inout Turn<Device>
  ) -> PingStart {
    let mark = peers.makeMark()
    var bytes = services.pings.begin(number, from: settings.name.address, to: address, mark: mark, at: turn.now)
    return bytes.withUnsafeMutableBytes { bytes in
      guard let packet = PacketView(bytes) else { return .unreachable }
      defer { tellUnresolved(turn: &turn) }
      switch peers.send(
        packet, .none, flow: packet.flow, to: address, names: &names, streams: &streams, out: &out, at: turn.now)
      {
      case .taken: return .sent
      case .unknownName: return .unknownName
      case .unreachable: return .unreachable
      }
    }
  }

  /// Closes all circuits to and from the peer with this address, and returns their number.
  mutating func closeCircuits<Device: PacketDevice & ~Copyable>(
    of address: IPv6Address, turn: inout Turn<Device>
  ) -> Int {
    let circuits = peers.circuitsToClose(of: address)
    for circuit in circuits where streams.contains(circuit) { close(circuit, .unneeded, turn: &turn) }
    return circuits.count
  }
}
