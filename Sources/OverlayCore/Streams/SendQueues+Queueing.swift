/// How packets come into a queue.
extension SendQueues {
  /// The queue that a packet waits in.
  enum Place {
    /// That of an open circuit.
    case circuit(CircuitIdentifier)
    /// The bulk queue of this number. A bound packet is taken by one circuit alone, whichever that is for its flow.
    case bulk(Int, isBound: Bool)
    /// The one for packets that wait until a circuit is built.
    case waiting
  }

  /// Queues a packet, as ordinary packets or, if the peer takes them and circuits are fast enough, as larger ones.
  mutating func enqueue(
    _ packet: PacketView, _ offload: OffloadHeader, flow: UInt32, in place: Place, takesSuperPackets: Bool,
    waiting: inout PacketQueue, out: inout Outbox, at now: Instant
  ) {
    let segmentation: OffloadHeader.Segmentation =
      switch place {
      case _ where offload.segmentation == .none: .none
      case .waiting: offload.segmentation
      case .circuit(let circuit):
        Circuit.segmentation(
          of: packet, offload, takesSuperPackets: takesSuperPackets && circuits[circuit].isOpen,
          rate: circuits[circuit].frameRate(at: now))
      case .bulk(let bulk, _):
        Circuit.segmentation(
          of: packet, offload, takesSuperPackets: takesSuperPackets, rate: leastRate(of: bulk, at: now))
      }
    guard segmentation == .none else {
      let header = OffloadHeader(segmentation: segmentation, checksum: offload.checksum)
      return split(packet, header, flow, in: place, waiting: &waiting, out: &out, at: now)
    }
    if let checksum = offload.checksum, !ChecksumCompletion.complete(checksum, in: packet.memory) {
      out.counters[.malformed] += 1
      return
    }
    _ = append(packet.bytes.count, flow, in: place, waiting: &waiting, out: &out, at: now) {
      $0.copyMemory(from: packet.bytes)
    }
  }

  /// Returns the bytes per second by which packets are cut for a bulk queue: those of the slowest circuit that takes
  /// from it; `nil` where none need be cut.
  private func leastRate(of bulk: Int, at now: Instant) -> Double? {
    var least: Double?
    for circuit in bulks[bulk].takers {
      guard let rate = circuits[circuit].frameRate(at: now) else { continue }
      least = min(least ?? rate, rate)
    }
    return least
  }

  private mutating func split(
    _ packet: PacketView, _ header: OffloadHeader, _ flow: UInt32, in place: Place, waiting: inout PacketQueue,
    out: inout Outbox, at now: Instant
  ) {
    guard var splitter = SegmentSplitter(packet, header: header) else {
      out.counters[.malformed] += 1
      return
    }
    var count = 0
    while count < SendQueues.segmentLimit, let length = splitter.nextLength {
      let isTaken = append(length, flow, in: place, waiting: &waiting, out: &out, at: now) {
        _ = splitter.next(into: $0)
      }
      // If one segment finds no room, those behind it find none.
      guard isTaken else {
        out.counters[.queueFull] += UInt64(splitter.countLeft - 1)
        return
      }
      count += 1
    }
    out.counters[.queueFull] += UInt64(splitter.countLeft)
  }

  /// Queues a packet of `length` bytes, which `write` writes to the memory that it is given. It returns whether there
  /// was room; if not, it counts the packet and does not call `write`.
  private mutating func append(
    _ length: Int, _ flow: UInt32, in place: Place, waiting: inout PacketQueue, out: inout Outbox, at now: Instant,
    write: (UnsafeMutableRawBufferPointer) -> Void
  ) -> Bool {
    if case .circuit(let circuit) = place { circuits[circuit].lastSent = now }
    guard let slot = store.lend(length, leaving: reserve) else {
      out.counters[.queueFull] += 1
      return false
    }
    write(store.room(slot))
    store[slot].flow = flow
    put(slot, in: place, waiting: &waiting, out: &out, at: now)
    return true
  }

  /// Queues a packet that lies in the store.
  mutating func put(
    _ slot: PacketStore.Slot, in place: Place, waiting: inout PacketQueue, out: inout Outbox, at now: Instant
  ) {
    switch place {
    case .circuit(let circuit): put(slot, on: circuit, out: &out, at: now)
    case .bulk(let bulk, let isBound): put(slot, inBulk: bulk, isBound: isBound, out: &out, at: now)
    case .waiting:
      store[slot].queued = now
      let limit = share(of: waiting.memory + store.size(of: slot))
      out.counters[.queueFull] += UInt64(waiting.append(slot, limit: limit, store: &store))
    }
  }

  /// Queues a packet that lies in the store on an open circuit.
  mutating func put(_ slot: PacketStore.Slot, on circuit: CircuitIdentifier, out: inout Outbox, at now: Instant) {
    if circuits[circuit].isEmpty { beginProgress(of: circuit, at: now) }
    let limit = min(FlowQueue.memoryLimit, share(of: circuits[circuit].queue.memory + store.size(of: slot)))
    let dropped = circuits[circuit].queue.append(slot, flow: store[slot].flow, limit: limit, at: now, store: &store)
    out.counters[.queueFull] += UInt64(dropped)
    noteBacklog(of: .circuit(circuit), at: now)
    requestFlush(circuit, out: &out)
  }

  private mutating func put(
    _ slot: PacketStore.Slot, inBulk bulk: Int, isBound: Bool, out: inout Outbox, at now: Instant
  ) {
    let flow = store[slot].flow
    let memory = bulks[bulk].queue.memory + store.size(of: slot)
    let limit = min(memoryLimit(of: bulk, holding: memory, at: now), share(of: memory))
    let dropped = bulks[bulk].queue.append(
      slot, flow: flow, isBound: isBound, limit: limit, at: now, store: &store)
    out.counters[.queueFull] += UInt64(dropped)
    noteBacklog(of: .bulk(bulk), at: now)
    guard let owner = bulks[bulk].owner(of: flow) else { return requestFlush(of: bulk, out: &out, at: now) }
    requestFlush(owner, out: &out)
  }

  /// Returns the most memory of the store that a bulk queue takes, which would hold `memory` bytes.
  private func memoryLimit(of bulk: Int, holding memory: Int, at now: Instant) -> Int {
    let limit = bulks[bulk].memoryLimit
    guard memory > limit else { return limit }
    let takers = bulks[bulk].takers
    // For circuits that are faster than Tor's the device waits; those that have just stopped get no more.
    let isOrdinary = takers.allSatisfy { !circuits[$0].isBoundless(at: now) }
    let isTaking = takers.contains { now - circuits[$0].lastProgress < Backpressure.patience * 4 }
    let rate = rate(of: takers, at: now)
    let needed = isOrdinary && isTaking && rate.isFinite ? bulks[bulk].memoryLimit(at: rate) : limit
    // Nothing is dropped because a rate has fallen: senders are marked, and the queue gets shorter.
    return max(needed, min(bulks[bulk].queue.memory, 2 * limit))
  }

  /// Asks the shell to write to the first circuit that may take from a bulk queue and is not full: to all of them where
  /// ceilings decide whose turn it is.
  mutating func requestFlush(of bulk: Int, out: inout Outbox, at now: Instant) {
    for circuit in bulks[bulk].takers {
      let isFull = circuits[circuit].awaitsSocket
      if !isFull { requestFlush(circuit, out: &out) }
      guard isFull ? takesSoon(circuit, at: now) : !sending.isActive else { continue }
      // The others are asked if it does not.
      if isFull, bulks[bulk].takers.count > 1 {
        bulkDeadlines.schedule(bulk, at: circuits[circuit].lastProgress + Backpressure.patience)
      }
      return
    }
  }

  /// Returns whether the socket of a full circuit takes a packet before another circuit could: that of a fast one does,
  /// unless it has just stopped.
  func takesSoon(_ circuit: CircuitIdentifier, at now: Instant) -> Bool {
    circuits[circuit].isBoundless(at: now) && now - circuits[circuit].lastProgress < Backpressure.patience
  }

  /// Begins to watch whether a circuit takes bytes, because it has some to send now.
  mutating func beginProgress(of circuit: CircuitIdentifier, at now: Instant) {
    circuits[circuit].lastProgress = now
    deadlines.schedule(circuit.slot, at: now + SendQueues.stallTimeout)
  }

  /// Returns the memory of the store that a queue may take which takes `memory` bytes now: as much as it leaves free.
  /// So no queue fills the store, and each new one finds room, however many there are.
  func share(of memory: Int) -> Int { (memory + store.bytesFree(leaving: reserve)) / 2 }
}
