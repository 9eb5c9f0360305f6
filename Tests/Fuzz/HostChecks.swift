/// What always holds of a host.
extension FuzzShell {
  func checkAll() {
    check(turn.device.wire.frames <= 5_000, "\(turn.device.wire.frames) frames for one event")
    turn.device.wire.frames = 0
    check(host.all == identities.map(\.identity), "the identities are others")
    let next = host.nextDeadline(turn: turn)
    for identity in identities {
      let isQuiet = host.nextAction(of: identity.identity) == nil
      check(isQuiet, "an identity wants something done, and nobody is told")
      host.with(identity.identity) { node in
        check(node.nextDeadline >= next, "an identity's deadline is forgotten")
        identity.judge(node)
      }
    }
    // Whoever looks at a node may have changed it. This has not, and would hide that the host forgets whom it changed.
    while host.nextTouched() != nil {}
    if settings.hasLink { FuzzLAN.judge(host.leases, of: identities.map(\.settings.name.address)) }
  }
}

/// What always holds of an identity.
extension FuzzSockets {
  // What a queue holds, and what the write batch holds: so many packets, each in room of its size.
  private static let mostQueued =
    FlowQueue.memoryLimit + 2 * Circuit.batchSizes.upperBound + WriteRuns.batchPackets * PacketStore.smallSize
    + PacketStore.largeSize

  func judge(_ node: borrowing Node) {
    let there = node.streams.circuits.identifiers
    check(there.count == sockets.count, "\(there.count) circuits have \(sockets.count) sockets")
    var (lent, cut) = (0, 0)
    for circuit in there {
      guard let socket = sockets[circuit] else { fatalError("a circuit has no socket") }
      let queued =
        node.streams[circuit].queue.lentBytes(in: node.streams.store)
        + node.streams[circuit].batch.lentBytes(in: node.streams.store)
      check(queued <= FuzzSockets.mostQueued, "\(queued) bytes wait on a circuit")
      lent += queued
      cut += node.streams[circuit].defragmenter.memory
      // A circuit that waits for a ceiling is asked to write when its turn comes.
      let isLeft = node.streams[circuit].isOpen && !node.streams[circuit].isEmpty && !node.streams.limitsSending
      let isPreambleLeft = socket.isConnected && !node.streams[circuit].preamble.isEmpty
      if isLeft || isPreambleLeft { check(socket.wantsToWrite, "what waits on a circuit is forgotten") }
      check(!socket.isPaused || node.limitsReading, "a circuit is not read, and nothing limits it")
    }
    for bulk in node.streams.queues.bulks.indices {
      let isLeft = !node.streams.queues.bulks[bulk].queue.isEmpty && !node.streams.limitsSending
      let takers = node.streams.queues.bulks[bulk].takers
      let isTaken = takers.isEmpty || takers.contains { sockets[$0]?.wantsToWrite == true }
      check(!isLeft || isTaken, "what waits in a bulk queue is forgotten")
      lent += node.streams.queues.bulks[bulk].queue.lentBytes(in: node.streams.store)
    }
    var owned: [Int] = []
    for peer in node.peers.peers.indices {
      guard let bulk = node.peers.peers[peer].bulkQueue else { continue }
      check(node.peers.peers[peer].hasCircuit, "a bulk queue waits for a peer without a circuit")
      owned.append(bulk)
    }
    check(owned.sorted() == Array(node.streams.queues.bulks.indices).sorted(), "bulk queues without a peer, or shared")
    check(cut == node.streams.cutPackets.memory, "cut packets hold \(cut) bytes, not \(node.streams.cutPackets.memory)")
    for peer in node.peers.peers.indices { lent += node.peers.peers[peer].waiting.memory }
    lent += node.peers.claims.memory + node.streams.order.memory
    check(node.streams.order.memory <= settings.bounds.orderBytes, "too much waits for its turn")
    check(node.peers.claims.memory <= settings.bounds.unprovenBytes, "too much waits for proofs")
    check(node.peers.admitted.isEmpty, "what is proven still waits")
    checkPeers(node, there)
    let all = node.streams.store.lentBytes
    check(lent + cut == all, "queues hold \(lent + cut) bytes of \(all) that are lent")
    check(all <= settings.bounds.packetBytes, "\(all) bytes are lent")
    check(there.count <= settings.bounds.circuits, "\(there.count) circuits")
    check(node.peers.callCount <= settings.bounds.accepted, "\(node.peers.callCount) calls")
  }

  /// Every circuit belongs to one peer, to one caller, or to nobody yet; and what peers know of are circuits. With
  /// whoever is blocked, or in no group, there are none.
  private func checkPeers(_ node: borrowing Node, _ there: [CircuitIdentifier]) {
    var known: [CircuitIdentifier: Int] = [:]
    for peer in node.peers.peers.indices {
      for circuit in node.peers.peers[peer].dialled { known[circuit, default: 0] += 1 }
      if let question = node.peers.peers[peer].question { known[question, default: 0] += 1 }
      for lookUp in node.peers.peers[peer].lookUps { known[lookUp, default: 0] += 1 }
      for circuit in node.peers.peers[peer].incoming {
        known[circuit, default: 0] += 1
        let caller = node.peers.call(circuit).flatMap { node.peers.caller($0.sender) }
        check(caller == peer, "a circuit is with the wrong peer")
      }
      let isUp = node.peers.peers[peer].state == .up
      check(isUp == (node.peers.peers[peer].sparse.open != nil), "a peer is not as its first circuit is")
      guard !node.peers.peers[peer].isSelf, node.peers.isBlocked(node.peers.peers[peer].address) else { continue }
      check(node.peers.peers[peer].dialled.isEmpty, "a blocked peer is dialled")
      check(node.peers.peers[peer].incoming.isEmpty, "a blocked peer calls")
    }
    for circuit in there {
      let isNobodys =
        switch node.peers.use(of: circuit) {
        case .call(let call): node.peers.caller(call.sender) == nil
        case .ownLookUp: true
        // Whoever got another name has nothing to do with what Tor is asked about the one before.
        case .question(let address):
          node.peers.peers.find(address).map { node.peers.peers[$0].question != circuit } ?? true
        default: false
        }
      check(known.removeValue(forKey: circuit) ?? 0 == (isNobodys ? 0 : 1), "a circuit is not of one peer")
    }
    check(known.isEmpty, "a peer knows circuits that are gone")
  }

  /// How many packets of peers came to the device, if nobody knows yet whom a call is from: none of it may be among
  /// them.
  func deliveredIfUnproven(_ circuit: CircuitIdentifier, _ node: borrowing Node) -> UInt64? {
    guard let call = node.peers.call(circuit), !call.sender.isBelieved else { return nil }
    return node.counters[.delivered]
  }

  /// All was sent that could be.
  func checkNothingIsStuck() {
    change { node, _ in
      for circuit in node.streams.circuits.identifiers where node.streams[circuit].isOpen {
        check(!node.streams.hasPackets(for: circuit), "what waits on an open circuit is stuck")
      }
      for socket in sockets.values { check(!socket.isPaused, "a circuit is never read again") }
    }
  }

  /// All circuits are gone, and what was theirs.
  func checkAllIsGivenBack() {
    change { node, _ in
      let lent = node.streams.store.lentBytes
      check(lent == 0, "\(lent) bytes are lent when all circuits are gone")
      check(!node.streams.hasBackpressure, "a circuit that is gone is remembered")
    }
  }
}
