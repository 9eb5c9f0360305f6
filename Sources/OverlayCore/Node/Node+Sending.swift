extension Node {
  /// For how long one packet may occupy a circuit: a longer one is cut, so that others get their turn.
  static let frameTime = Duration.milliseconds(5)
  /// The length that a super-packet is cut to at the most where it arrives, and that the segments in it have at the least
  /// where it is sent: it does not tell how long they were. So no piece is longer than a segment that its sender made, and
  /// whoever has announced less, a host or a link behind the peer, is obeyed: that flow is cut here.
  static let superSegment = 1_500
  /// How many segments of one super-packet are sent at the most: as many as a queue holds, from which the next would drop
  /// the first.
  static let segmentLimit = FlowQueue.memoryLimit / PacketStore.smallSize

  /// Puts a packet of this host into the queue of one of the circuits to its peer, of which `sparse` is the first, as
  /// ordinary packets or, where the peer takes them and the circuit is fast enough, as larger ones.
  mutating func enqueue(
    _ packet: PacketView, _ offload: OffloadHeader, on sparse: CircuitIdentifier,
    at now: Instant
  ) {
    let bytes = packet.bytes
    let flow = packet.flow
    let circuit = lane(for: bytes, of: flow, from: sparse, at: now)
    counters[.sent] += 1
    let cut = segmentation(of: packet, offload, on: circuit, at: now)
    guard cut == .none else {
      return split(packet, OffloadHeader(segmentation: cut, checksum: offload.checksum), flow, to: circuit, at: now)
    }
    if let checksum = offload.checksum, !ChecksumCompletion.complete(checksum, in: packet.memory) {
      counters[.malformed] += 1
      return
    }
    _ = append(bytes.count, flow: flow, to: circuit, at: now) { $0.copyMemory(from: bytes) }
  }

  /// How the packet is to be cut for this circuit now.
  private func segmentation(
    of packet: PacketView, _ offload: OffloadHeader, on circuit: CircuitIdentifier, at now: Instant
  ) -> OffloadHeader.Segmentation {
    // What peers take uncut is IPv6 alone. What waits for a move takes less memory in segments.
    guard case .tcp(let size, let hasECN) = offload.segmentation, circuits[circuit].takesSuperPackets,
      !packet.isIPv4, !isMoving(to: circuit),
      Int(offload.headerLength(of: packet.bytes)) + Int(size) >= Node.superSegment
    else { return offload.segmentation }
    guard let rate = circuits[circuit].rate.bytesPerSecond(at: now) else { return .none }
    let most = Int(rate * Node.frameTime.seconds)
    guard packet.count > most else { return .none }
    // Packets of several segments each: as many as fit.
    let together = max(1, most / max(Int(size), 1)) * Int(size)
    return .tcp(size: UInt16(clamping: min(together, packet.count)), hasECN: hasECN)
  }

  private mutating func split(
    _ packet: PacketView, _ offload: OffloadHeader, _ flow: UInt32, to circuit: CircuitIdentifier,
    at now: Instant
  ) {
    guard var splitter = SegmentSplitter(packet, header: offload) else {
      counters[.malformed] += 1
      return
    }
    var count = 0
    while count < Node.segmentLimit, let length = splitter.nextLength {
      let isTaken = append(length, flow: flow, to: circuit, at: now) { _ = splitter.next(into: $0) }
      // No room for one is no room for those behind it.
      guard isTaken else {
        counters[.queueFull] += UInt64(splitter.countLeft - 1)
        return
      }
      count += 1
    }
    counters[.queueFull] += UInt64(splitter.countLeft)
  }
}
