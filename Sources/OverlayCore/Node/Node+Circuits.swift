extension Node {
  /// For how long a circuit may take no bytes while there are some to send.
  static let stallTimeout = Duration.seconds(60)
  /// How long a permanent peer's circuit may be silent before a keepalive goes out.
  static let keepaliveInterval = Duration.seconds(60)

  /// How many runs of bytes one write takes at the most.
  public static let runLimit = 192
  /// How many packets one write takes at the most: before them may stand what is sent first, and the rest of one that was
  /// sent in part.
  public static let batchPackets = runLimit - 2
  /// How long a queue may stand that sparse flows share.
  static let sparsePace = ControlledDelay.Pace(target: .milliseconds(5), interval: .milliseconds(100))
  /// How long one may stand that is for bulk alone: about a round trip of an onion circuit, so that a flow that has just
  /// slowed down still fills it, and nobody but bulk waits behind it.
  static let bulkPace = ControlledDelay.Pace(target: .milliseconds(100), interval: .seconds(1))

  /// How much memory cut packets of all circuits of a daemon take together, in bytes.
  static let reassemblyLimit = 16 << 20
  /// By how much cut packets of a node can exceed their bound until a circuit is closed, in bytes: by one that turns out
  /// to be long, and is moved to a larger place.
  static let reassemblySlack = PacketStore.largeSize + PacketStore.smallSize

  /// Takes bytes that came over a circuit, in any pieces.
  public mutating func receive<Device: PacketSink & ~Copyable>(
    _ bytes: UnsafeMutableRawBufferPointer, on circuit: CircuitIdentifier, at now: Instant, device: inout Device
  ) {
    guard circuits.contains(circuit) else { return }
    var input = bytes
    if case .requested(let name, var reply) = circuits[circuit].state {
      var rest = UnsafeRawBufferPointer(bytes)
      do {
        guard try reply.consume(&rest) else {
          circuits[circuit].state = .requested(name, reply)
          return
        }
        // What is left of the request would go out behind the first packet, or never: nobody knows what was granted.
        guard circuits[circuit].preamble.isEmpty else { throw SOCKSError.early }
      } catch {
        return close(circuit, .failure("\(error)"), at: now, device: &device)
      }
      input = UnsafeMutableRawBufferPointer(rebasing: bytes.suffix(rest.count))
      granted(circuit, to: name, at: now)
    }
    circuits[circuit].traffic.received &+= UInt64(input.count)
    (bringsBulkAlone, bulkBytes) = (true, 0)
    do throws(StreamError) {
      try takePackets(from: &input, on: circuit, at: now, device: &device)
    } catch {
      counters[error == .noRoom ? .noRoom : .badStream] += 1
      if error == .proxyLine, !told.proxyLine, circuits[circuit].dialledPeer == nil {
        told.proxyLine = true
        tell(.proxyLine)
      }
      close(circuit, .failure("sent \(error)"), at: now, device: &device)
    }
    relieve(at: now, device: &device)
  }

  /// Admits the packets in what a circuit brought. The circuit may be closed by one of them, in which case those behind
  /// it are nobody's: what it holds of a cut packet is ours meanwhile.
  private mutating func takePackets<Device: PacketSink & ~Copyable>(
    from input: inout UnsafeMutableRawBufferPointer, on circuit: CircuitIdentifier, at now: Instant,
    device: inout Device
  ) throws(StreamError) {
    var defragmenter = Defragmenter()
    swap(&defragmenter, &circuits[circuit].defragmenter)
    var failure: StreamError?
    var hasBroughtPacket = false
    do throws(StreamError) {
      while circuits.contains(circuit), let packet = try defragmenter.next(&input, store: &store) {
        circuits[circuit].lastReceived = now
        hasBroughtPacket = true
        admit(packet, from: circuit, at: now, device: &device)
      }
    } catch {
      failure = error
    }
    flushJoined(to: &device)
    let isThere = circuits.contains(circuit)
    if isThere { defragmenter.finish(store: &store) } else { defragmenter.abandon(store: &store) }
    guard isThere else { return }
    if circuits[circuit].isWithoutPlace { findPlace(for: circuit, at: now) }
    cutPackets.note(
      circuit, holds: defragmenter.memory, loan: defragmenter.loan, standing: circuits[circuit].standing, at: now)
    swap(&defragmenter, &circuits[circuit].defragmenter)
    if hasBroughtPacket { heard(on: circuit, at: now) }
    if let failure { throw failure }
    circuits[circuit].turns.took(bulkBytes, isBulk: bringsBulkAlone, at: now)
  }

  /// Closes circuits until what all hold of cut packets is within its bounds.
  private mutating func relieve<Device: PacketSink & ~Copyable>(at now: Instant, device: inout Device) {
    while let circuit = cutPackets.circuitInExcess(at: now) {
      counters[.reassemblyLimit] += 1
      cutPackets.forget(circuit)
      close(circuit, .failure("held too much of a packet for too long"), at: now, device: &device)
    }
  }

  /// The circuit's socket is closed.
  public mutating func ended<Device: PacketSink & ~Copyable>(
    _ circuit: CircuitIdentifier, _ end: CircuitEnd, at now: Instant, device: inout Device
  ) {
    remove(circuit, end, at: now, device: &device)
  }

  /// Hands what waits on the circuit to `write`, in order, in at most `runLimit` runs of bytes; it answers how many
  /// bytes it took. Whether more is left, so that it is worth to wait until the socket takes more.
  public mutating func transmit(
    _ circuit: CircuitIdentifier, at now: Instant, using write: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Int
  ) -> Bool {
    guard circuits.contains(circuit) else { return false }
    circuits[circuit].isFlushRequested = false
    let isOpen = circuits[circuit].isOpen
    if isOpen { settle(circuit, at: now) }
    let preamble = circuits[circuit].preamble
    guard preamble.count + circuits[circuit].queue.settledBytes > 0 else { return false }
    var offered = 0
    var taken = preamble.withUnsafeBytes { first in
      let runs = self.runs.memory
      runs.initializeElement(at: 0, to: first)
      let count = circuits[circuit].queue.fill(runs, from: first.isEmpty ? 0 : 1, store: store)
      for run in runs[..<count] { offered += run.count }
      return write(UnsafeBufferPointer(rebasing: runs[..<count]))
    }
    if taken > 0 { circuits[circuit].lastProgress = now }
    adapt(circuit, offered: offered, taken: taken, at: now)
    if !preamble.isEmpty {
      let ofPreamble = min(taken, preamble.count)
      circuits[circuit].preamble = Array(preamble.dropFirst(ofPreamble))
      taken -= ofPreamble
    }
    circuits[circuit].queue.consume(taken, store: &store)
    if congested == circuit { noteCongestion(circuit, at: now) }
    return !circuits[circuit].preamble.isEmpty || isOpen && !circuits[circuit].queue.isEmpty
  }

  mutating func settle(_ circuit: CircuitIdentifier, at now: Instant) {
    let rate = circuits[circuit].rate
    let least = circuits[circuit].lane == FlowTable.sparseLane ? Node.sparsePace : Node.bulkPace
    let target = max(least.target, rate.time(for: 2 * FlowQueue.quantum, at: now))
    circuits[circuit].queue.settle(
      bytes: circuits[circuit].quota, packets: Node.batchPackets, at: now,
      pace: ControlledDelay.Pace(target: target, interval: max(least.interval, target * 2)), store: &store)
    let losses = circuits[circuit].queue.losses
    circuits[circuit].queue.losses = FlowQueue.Losses()
    counters[.queueAged] += UInt64(losses.aged)
    counters[.queueMarked] += UInt64(losses.marked)
  }

  mutating func adapt(_ circuit: CircuitIdentifier, offered: Int, taken: Int, at now: Instant) {
    let isBlocked = taken < offered
    circuits[circuit].rate.took(taken, isBlocked: isBlocked, at: now)
    // What Tor is asked for reaches no peer.
    if circuits[circuit].isOpen { circuits[circuit].traffic.sent &+= UInt64(clamping: taken) }
    circuits[circuit].quota =
      isBlocked
      ? max(Circuit.smallestQuota, min(circuits[circuit].quota, taken))
      : min(Circuit.largestQuota, circuits[circuit].quota * 2)
  }

  /// Lets a packet of our own wait to be sent; what finds no room is counted.
  mutating func append(_ packet: UnsafeRawBufferPointer, to circuit: CircuitIdentifier, at now: Instant) {
    _ = append(packet.count, flow: PacketView(reading: packet)?.flow ?? 0, to: circuit, at: now) {
      $0.copyMemory(from: packet)
    }
  }

  /// Lets a packet of `length` bytes wait that `write` writes to where it is to lie. Whether there was room for it:
  /// otherwise it is counted, and `write` is not called.
  mutating func append(
    _ length: Int, flow: UInt32, to circuit: CircuitIdentifier, at now: Instant,
    write: (UnsafeMutableRawBufferPointer) -> Void
  ) -> Bool {
    circuits[circuit].lastSent = now
    guard let slot = store.lend(length, leaving: reassemblyReserve) else {
      counters[.queueFull] += 1
      return false
    }
    write(store.room(slot))
    if circuits[circuit].isOpen {
      put(slot, flow: flow, on: circuit, at: now)
    } else {
      wait(slot, for: circuit)
    }
    return true
  }

  /// Lets a packet that lies in the store wait for a circuit to be built.
  private mutating func wait(_ slot: PacketStore.Slot, for circuit: CircuitIdentifier) {
    let limit = share(of: circuits[circuit].waiting.memory + store.size(of: slot))
    counters[.queueFull] += UInt64(circuits[circuit].waiting.append(slot, limit: limit, store: &store))
  }

  /// How much of the store a queue may be lent that is lent so many bytes of it, in bytes: as much as it leaves free. So no
  /// one queue fills the store, and whoever comes finds room, however many there are.
  func share(of memory: Int) -> Int { (memory + store.bytesFree(leaving: reassemblyReserve)) / 2 }

  /// How many bytes of the store what waits to be sent leaves to what comes in: a cut packet without room ends its
  /// circuit.
  var reassemblyReserve: Int {
    max(0, settings.bounds.reassemblyBytes + Node.reassemblySlack - cutPackets.memory)
  }

  /// Lets a packet wait on an open circuit that lies in the store already.
  mutating func put(_ slot: PacketStore.Slot, flow: UInt32, on circuit: CircuitIdentifier, at now: Instant) {
    if circuits[circuit].queue.isEmpty {
      circuits[circuit].lastProgress = now
      lookAgain(at: circuit, when: now + Node.stallTimeout)
    }
    let limit = share(of: circuits[circuit].queue.memory + store.size(of: slot))
    let dropped = circuits[circuit].queue.append(slot, flow: flow, limit: limit, at: now, store: &store)
    counters[.queueFull] += UInt64(dropped)
    noteCongestion(circuit, at: now)
    requestFlush(circuit)
  }

  mutating func requestFlush(_ circuit: CircuitIdentifier) {
    guard !circuits[circuit].isFlushRequested else { return }
    circuits[circuit].isFlushRequested = true
    perform(.flush(circuit))
  }

  /// Ends a circuit of our own accord.
  mutating func close<Device: PacketSink & ~Copyable>(
    _ circuit: CircuitIdentifier, _ end: CircuitEnd, at now: Instant, device: inout Device
  ) {
    perform(.close(circuit))
    remove(circuit, end, at: now, device: &device)
  }

  /// Takes a circuit out of the table, with all that the node keeps of it elsewhere; its queue is the caller's.
  mutating func takeOut(_ identifier: CircuitIdentifier) -> Circuit? {
    guard var circuit = circuits.remove(identifier) else { return nil }
    if circuit.dialledPeer != nil, !circuit.isOpen { dialTurns.ended() }
    keepTraffic(of: circuit)
    if congested == identifier { congested = nil }
    if !moves.isEmpty { forgetMoves(to: identifier) }
    cutPackets.forget(identifier)
    if case .accepted(let claim) = circuit.state {
      calls.remove(identifier)
      if case .name(let name) = claim { names.release(name) }
    }
    circuit.defragmenter.abandon(store: &store)
    return circuit
  }

  private mutating func remove<Device: PacketSink & ~Copyable>(
    _ identifier: CircuitIdentifier, _ end: CircuitEnd, at now: Instant, device: inout Device
  ) {
    guard let circuit = takeOut(identifier) else { return }
    if let name = circuit.dialledPeer {
      dialledEnded(circuit, identifier, to: name, end, at: now, device: &device)
    } else {
      tell(.callEnded(end))
    }
  }
}
