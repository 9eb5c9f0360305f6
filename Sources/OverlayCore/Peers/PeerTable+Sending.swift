/// The one way to a peer. Everything that is sent to a peer, packets of this host and errors alike, passes here.
extension PeerTable {
  /// The time after which an idle circuit for bulk is closed.
  static let bulkIdle = Duration.seconds(30)

  /// The result of sending a packet to a peer.
  enum Sending {
    /// The packet was sent, waits for a circuit, or was dropped and counted.
    case taken
    /// The name of the address is not known.
    case unknownName
    /// The peer cannot be dialled now.
    case unreachable
  }

  /// Sends a packet of this flow to the peer with this address, and dials the peer if there is no circuit to it.
  mutating func send(
    _ packet: PacketView, _ offload: OffloadHeader, flow: UInt32, to address: IPv6Address, names: inout NameTable,
    streams: inout Streams, out: inout Outbox, at now: Instant
  ) -> Sending {
    if let peer = peers.find(address), peers[peer].hasCircuit {
      if peers[peer].unansweredSince == nil { awaitAnswer(of: peer, at: now) }
      enqueue(packet, offload, flow, to: peer, streams: &streams, out: &out, at: now)
      return .taken
    }
    let isSelf = address == OverlayNetwork.tor.circuitResponder
    guard let name = isSelf ? policy.name : names.diallable(at: address, now) else {
      guard let peer = search(for: address, names: &names, streams: &streams, out: &out, at: now) else {
        return .unknownName
      }
      enqueue(packet, offload, flow, to: peer, streams: &streams, out: &out, at: now)
      return .taken
    }
    guard
      let peer = dial(name, names: &names, streams: &streams, out: &out, at: now)
        ?? search(insteadOf: name, names: &names, streams: &streams, out: &out, at: now)
    else {
      hasten(name, at: now)
      return .unreachable
    }
    enqueue(packet, offload, flow, to: peer, streams: &streams, out: &out, at: now)
    return .taken
  }

  /// Sends a packet of the node's own, an error or an answer, to the peer with this address. It returns false if there
  /// is no way to the peer.
  mutating func sendOwn(
    _ bytes: UnsafeRawBufferPointer, to address: IPv6Address, names: inout NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) -> Bool {
    guard let peer = way(to: address, names: &names, streams: &streams, out: &out, at: now) else { return false }
    send(bytes, to: peer, streams: &streams, out: &out, at: now)
    return true
  }

  /// Returns the peer with this address if there is a circuit to it, or if one could be dialled now; otherwise `nil`.
  mutating func way(
    to address: IPv6Address, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) -> PeerSlots.Index? {
    if let peer = peers.find(address) {
      if peers[peer].hasCircuit { return peer }
      // What the node itself has to say is no wish of the operator's.
      if peers[peer].isHeld { return nil }
    }
    guard let name = names.name(of: address) else { return nil }
    return dial(name, names: &names, streams: &streams, out: &out, at: now)
  }

  /// Sends a packet of the node's own along `circuit`, or else along a peer's first circuit.
  mutating func send(
    _ bytes: UnsafeRawBufferPointer, to peer: PeerSlots.Index, on circuit: CircuitIdentifier? = nil,
    streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard let packet = PacketView(reading: bytes) else { return }
    streams.enqueue(
      packet, .none, flow: packet.flow, in: (circuit ?? peers[peer].sparse.open).map { .circuit($0) } ?? .waiting,
      takesSuperPackets: false, waiting: &peers[peer].waiting, out: &out, at: now)
    if peers[peer].sparse.open == nil { limitWait(for: peer, at: now) }
  }

  private mutating func enqueue(
    _ packet: PacketView, _ offload: OffloadHeader, _ flow: UInt32, to peer: PeerSlots.Index, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    let place = place(for: packet, flow, of: peer, streams: &streams, out: &out, at: now)
    out.counters[.sent] += 1
    streams.enqueue(
      packet, offload, flow: flow, in: place, takesSuperPackets: peers[peer].capabilities.contains(.superPackets),
      waiting: &peers[peer].waiting, out: &out, at: now)
    if case .waiting = place { limitWait(for: peer, at: now) }
  }

  /// Checks a circuit whose deadline has come. It returns the reason to close the circuit, if there is one.
  mutating func tend(
    _ circuit: CircuitIdentifier, _ use: CircuitUse, names: inout NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) -> CircuitEnd? {
    switch use {
    case .successor, .question, .lookUp, .ownLookUp: return nil
    case .call(let call):
      let next = tendClaim(of: circuit, names: &names, streams: &streams, out: &out, at: now)
      // A peer that is dialled for the claim may need this circuit's place.
      guard streams.contains(circuit) else { return nil }
      let current = self.call(circuit) ?? call
      let due = end(of: current, streams[circuit])
      guard due > now else {
        out.counters[isUsable(current, streams[circuit]) ? .idleClosed : .halfOpen] += 1
        return .unneeded
      }
      schedule(circuit, at: min(due, next))
    case .lane(let peer, let lane):
      guard streams[circuit].isOpen else { return nil }
      if lane == Lane.sparse, peers[peer].isPermanent {
        keepAlive(peer, on: circuit, names: names, streams: &streams, out: &out, at: now)
      } else {
        // The circuit to this host itself is for a ping or a check, and seldom for more.
        let isShort = lane != Lane.sparse || peers[peer].isSelf
        let idle = isShort ? min(policy.idle, PeerTable.bulkIdle) : policy.idle
        // The end of the first circuit would end the others.
        let isAlone = lane != Lane.sparse || peers[peer].openBulkLanes == 0
        let isEmpty = !streams.hasPackets(for: circuit)
        var due = isAlone && isEmpty ? streams[circuit].lastUsed + idle : now + idle
        // What waits is sent by then, or the circuit is gone.
        if !isEmpty { due = min(due, now + SendQueues.stallTimeout) }
        guard due > now else {
          out.counters[.idleClosed] += 1
          return .unneeded
        }
        schedule(circuit, at: due)
      }
    }
    return nil
  }
}
