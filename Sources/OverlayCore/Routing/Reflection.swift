/// Turns a packet back to its sender by swapping its addresses: an echo request comes back to the kernel that sent it,
/// which answers, and its answer, turned back too, satisfies ping. No checksum changes, for a sum does not care for order.
enum Reflection {
  /// Hands `body` the packet with source and destination swapped; it must be a whole IPv6 packet.
  static func of(_ packet: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
    withUnsafeTemporaryAllocation(byteCount: packet.count, alignment: 8) { reflected in
      reflected.copyMemory(from: packet)
      IPv6Address(loading: packet, at: 24).store(into: reflected, at: 8)
      IPv6Address(loading: packet, at: 8).store(into: reflected, at: 24)
      body(UnsafeRawBufferPointer(reflected))
    }
  }
}
