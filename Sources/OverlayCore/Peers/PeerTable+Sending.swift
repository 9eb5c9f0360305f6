/// The one way to a peer. Everything that is sent to a peer, packets of this host and errors alike, passes here.
extension PeerTable {
  /// The time after which an idle circuit for bulk is closed.
  static let bulkIdle = Duration.seconds(30)
  /// The time for which flows that found no lane for bulk do not look for one again, unless a lane has come or gone.
  private static let laneLookInterval = Duration.milliseconds(10)
  /// The same time if a limit was the reason, because each attempt counts as a refusal.
  private static let laneLimitInterval = Duration.seconds(1)

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
      packet, .none, flow: packet.flow, on: circuit ?? peers[peer].sparse.open, takesSuperPackets: false,
      waiting: &peers[peer].waiting, out: &out, at: now)
    if peers[peer].sparse.open == nil { limitWait(for: peer, at: now) }
  }

  private mutating func enqueue(
    _ packet: PacketView, _ offload: OffloadHeader, _ flow: UInt32, to peer: PeerSlots.Index, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    let circuit = circuit(for: packet, flow, of: peer, streams: &streams, out: &out, at: now)
    out.counters[.sent] += 1
    streams.enqueue(
      packet, offload, flow: flow, on: circuit, takesSuperPackets: peers[peer].takesSuperPackets,
      waiting: &peers[peer].waiting, out: &out, at: now)
    if circuit == nil { limitWait(for: peer, at: now) }
  }

  // MARK: - Lanes

  /// Returns the circuit for a packet: that of the flow's lane if the flow is bulk and has one, otherwise the first;
  /// `nil` while the first one is being built.
  private mutating func circuit(
    for packet: PacketView, _ flow: UInt32, of peer: PeerSlots.Index, streams: inout Streams, out: inout Outbox,
    at now: Instant
  ) -> CircuitIdentifier? {
    guard let sparse = peers[peer].sparse.open, policy.circuitsPerPeer > 1 else { return peers[peer].sparse.open }
    let noted = peers[peer].flows.note(flow, bytes: packet.bytes.count, at: now)
    if noted.lane != Lane.sparse, noted.lane <= peers[peer].bulk.count,
      let circuit = peers[peer].bulk[noted.lane - 1].open
    {
      streams.endMigration(of: flow, ifRepeatedBy: packet, out: &out)
      return circuit
    }
    guard noted.isBulk, noted.isNewlyBulk || now >= peers[peer].nextLaneLook,
      let (lane, circuit) = bulkLane(of: peer, streams: &streams, out: &out, at: now)
    else { return sparse }
    peers[peer].flows.pin(noted, to: lane)
    return streams.migrate(flow, from: sparse, to: circuit, with: packet, out: &out, at: now)
  }

  /// Returns the lane for a bulk flow of the sparse lane: the open one with the fewest flows; `nil` if the flow has to
  /// stay for now. A pinned flow never changes its lane, so it waits until it can have one of its own, or until no more
  /// can be built.
  private mutating func bulkLane(
    of peer: PeerSlots.Index, streams: inout Streams, out: inout Outbox, at now: Instant
  ) -> (lane: Int, circuit: CircuitIdentifier)? {
    peers[peer].nextLaneLook = now + PeerTable.laneLookInterval
    var best: (lane: Int, circuit: CircuitIdentifier)?
    var fewest = Int.max
    for index in peers[peer].bulk.indices {
      guard let circuit = peers[peer].bulk[index].open else { continue }
      let count = peers[peer].flows.count(on: index + 1, at: now)
      if count < fewest {
        best = (index + 1, circuit)
        fewest = count
      }
    }
    if fewest > 0, hasBulkLaneComing(to: peer, streams: &streams, out: &out, at: now) { return nil }
    if best != nil { peers[peer].lookForLane() }
    return best
  }

  /// Returns whether another circuit for bulk is being built, and begins one if it can. Each flow that waits has one of
  /// its own built, so that flows that start together need not wait for each other's.
  private mutating func hasBulkLaneComing(
    to peer: PeerSlots.Index, streams: inout Streams, out: inout Outbox, at now: Instant
  ) -> Bool {
    guard let name = peers[peer].name else { return false }
    let coming = peers[peer].bulk.count { $0.current?.isOpen == false }
    let lanes = peers[peer].bulk.prefix(policy.circuitsPerPeer - 1)
    guard coming < peers[peer].flows.waitingCount(at: now), tor != .unreachable,
      peers[peer].bulkPace.nextAttempt(from: now) <= now, let index = lanes.firstIndex(where: { $0.current == nil })
    else { return coming > 0 }
    // Bulk flows can share a circuit. The other half of the limit is for first circuits, and for those that peers dial.
    guard streams.count < policy.bounds.circuits / 2 else {
      out.counters[.circuitLimit] += 1
      peers[peer].nextLaneLook = now + PeerTable.laneLimitInterval
      return coming > 0
    }
    guard dials.take(isConfigured: false, at: now) else {
      out.counters[.dialLimit] += 1
      peers[peer].nextLaneLook = now + PeerTable.laneLimitInterval
      return coming > 0
    }
    let way = beginCircuit(
      to: name, peers[peer].bulk[index].user, for: .bulk, timeout: PeerTable.dialTimeout, streams: &streams,
      out: &out, at: now)
    set(.lane(peer, index + 1), of: way.circuit)
    peers[peer].bulk[index].current = way
    out.tell(.dialling(name, circuit: index + 1))
    return true
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
        let isEmpty = streams[circuit].queue.isEmpty
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
