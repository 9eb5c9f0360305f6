@testable import OverlayCore

/// What happens to a host at a time that the test says.
extension FakeHost {
  func start(at now: Instant) {
    turn.now = now
    node.start(turn: &turn)
  }

  func advance(to now: Instant) {
    turn.now = now
    node.advance(turn: &turn)
  }

  func accepted(since time: Instant? = nil, at now: Instant) -> CircuitIdentifier? {
    turn.now = now
    return node.accepted(since: time, turn: &turn)
  }

  func ended(_ circuit: CircuitIdentifier, _ end: CircuitEnd, at now: Instant) {
    turn.now = now
    node.ended(circuit, end, turn: &turn)
  }

  func torProbed(isReachable: Bool, at now: Instant) {
    turn.now = now
    node.torProbed(isReachable: isReachable, turn: &turn)
  }

  func changed(_ publication: Publication, at now: Instant) {
    turn.now = now
    node.changed(publication, turn: &turn)
  }

  func receive(fromDevice packet: [UInt8], _ offload: OffloadHeader = .none, at now: Instant) {
    turn.now = now
    var packet = packet
    packet.withUnsafeMutableBytes { node.receive(fromDevice: $0, offload, turn: &turn) }
  }

  func readAllowance(of circuit: CircuitIdentifier, at now: Instant) -> Int {
    turn.now = now
    return node.readAllowance(of: circuit, turn: turn)
  }

  func replaceHosts(with hosts: HostNames, at now: Instant) {
    turn.now = now
    node.replaceHosts(with: hosts, turn: &turn)
  }

  func want(_ address: IPv6Address, at now: Instant) {
    turn.now = now
    node.want(address, turn: &turn)
  }

  func refuse(fromOverlay packet: UnsafeRawBufferPointer, _ error: DeliveryError, at now: Instant) {
    turn.now = now
    node.refuse(fromOverlay: packet, error, turn: &turn)
  }

  func transmit(
    _ circuit: CircuitIdentifier, at now: Instant, using write: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Int
  ) -> Bool {
    turn.now = now
    return node.transmit(circuit, turn: turn, using: write)
  }

  /// The circuit took so many bytes, and would not take more.
  func block(_ circuit: CircuitIdentifier, after bytes: Int, at now: Instant) {
    node.streams.prepare { circuits, _ in circuits[circuit].rate.took(bytes, isBlocked: true, at: now) }
  }

  /// Whoever else uses the memory of packets leaves less than `size` bytes, and so many more, free.
  func fillStore(with size: Int, leaving reserve: Int = 0) {
    node.streams.prepare { _, store in while store.lend(size, leaving: reserve) != nil {} }
  }
}
