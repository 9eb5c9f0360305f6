/// A packet that finds nothing before it, and of which it is not known that another follows, is not copied, sorted and
/// taken out again: a ping or a keystroke comes after a quiet moment, when each part of the way through the queue has to
/// come from memory first.
extension Node {
  /// A packet that is written from where it lies.
  struct LonePacket {
    let circuit: CircuitIdentifier
    let flow: UInt32
    let bytes: UnsafeRawBufferPointer
  }

  /// The circuit to `transmit` on at once, before any action is done: a packet that was said to be alone goes there.
  public var lonePacketCircuit: CircuitIdentifier? { lonePacket?.circuit }

  /// Whether nothing is before the packet on the circuit, and there is room for what that does not take.
  func mayBeSentAlone(_ packet: UnsafeRawBufferPointer, on circuit: CircuitIdentifier) -> Bool {
    moves.isEmpty && circuits[circuit].isOpen && circuits[circuit].preamble.isEmpty
      && circuits[circuit].queue.isEmpty && store.hasRoom(for: packet.count, leaving: reassemblyReserve)
  }

  /// Writes a packet from where it lies; what the circuit does not take waits in its queue. Whether that is so.
  mutating func transmit(
    _ packet: LonePacket, at now: Instant, using write: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Int
  ) -> Bool {
    runs.memory.initializeElement(at: 0, to: packet.bytes)
    let taken = write(UnsafeBufferPointer(rebasing: runs.memory[..<1]))
    adapt(packet.circuit, offered: packet.bytes.count, taken: taken, at: now)
    guard taken < packet.bytes.count else { return false }
    append(packet, at: now)
    if taken > 0 {
      // Its rest must follow: it is next, whatever comes.
      circuits[packet.circuit].lastProgress = now
      settle(packet.circuit, at: now)
      circuits[packet.circuit].queue.consume(taken, store: &store)
    }
    return true
  }

  /// The memory of a packet that was said to be alone is about to be used again: it is copied if it still waits.
  public mutating func keepLonePacket(at now: Instant) {
    guard let packet = lonePacket else { return }
    lonePacket = nil
    if circuits.contains(packet.circuit) { append(packet, at: now) }
  }

  private mutating func append(_ packet: LonePacket, at now: Instant) {
    _ = append(packet.bytes.count, flow: packet.flow, to: packet.circuit, at: now) {
      $0.copyMemory(from: packet.bytes)
    }
  }
}
