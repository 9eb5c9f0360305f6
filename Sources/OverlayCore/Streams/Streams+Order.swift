/// The order in which packets of TCP flows are delivered that came on several circuits.
extension Streams {
  /// The memory of packets that wait for earlier ones of their flow, in bytes, and the longest time that one did.
  var orderStatus: OrderStatus { OrderStatus(heldBytes: order.memory, longestHold: order.longestHold) }

  /// Takes a packet that is to be delivered, and returns when.
  mutating func turn(
    of packet: PacketView, on circuit: CircuitIdentifier, out: inout Outbox, at now: Instant
  ) -> Resequencer.Turn {
    order.turn(
      of: packet, on: circuit, self[circuit].standing, store: &queues.store, leaving: queues.reserve, out: &out,
      at: now)
  }

  /// Removes the next packet that waited and may be delivered now, and returns it; `nil` if there is none. Its memory
  /// is valid until `giveBackReleased`.
  mutating func takeReleased() -> PacketView? {
    guard let slot = order.takeReleased(store: &queues.store) else { return nil }
    return PacketView(queues.store.room(slot))
  }

  /// Gives the memory of delivered packets back.
  mutating func giveBackReleased() { order.giveBack(to: &queues.store) }
}
