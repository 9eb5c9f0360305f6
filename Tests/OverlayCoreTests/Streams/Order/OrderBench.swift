import PacketSamples

@testable import OverlayCore

/// A resequencer with its store, which delivers segments as a node would. The payload of segments tells what they are.
struct OrderBench: ~Copyable {
  var order: Resequencer
  var store: PacketStore
  var out = Outbox()
  var now = Instant(nanoseconds: 1_000_000_000_000)
  /// The circuits of peers that the operator knows.
  var known: Set<Int> = []
  /// The sequence numbers of the segments that were delivered, in this order.
  var delivered: [UInt32] = []

  init(memoryLimit: Int = Resequencer.memoryLimit, storeLimit: Int = PacketStore.byteLimit) {
    order = Resequencer(memoryLimit: memoryLimit, seed: 1)
    store = PacketStore(byteLimit: storeLimit)
  }

  /// A circuit.
  static func circuit(_ number: Int) -> CircuitIdentifier { CircuitIdentifier(slot: number, serial: UInt64(number)) }

  /// A circuit brings a segment.
  mutating func bring(
    _ sequence: UInt32, _ size: Int = 1_000, on circuit: Int, flow: UInt16 = 1,
    change: (inout SamplePacket.TCP) -> Void = { _ in }
  ) {
    let packet = SamplePacket.tcp(SamplePacket.payload(size, seed: Int(sequence % 97))) { tcp in
      (tcp.sourcePort, tcp.sequence) = (flow, sequence)
      change(&tcp)
    }
    bring(packet.bytes, on: circuit)
  }

  /// A circuit brings a packet.
  mutating func bring(_ bytes: [UInt8], on circuit: Int) {
    var bytes = bytes
    bytes.withUnsafeMutableBytes { memory in
      guard let packet = PacketView(memory) else { return }
      let turn = order.turn(
        of: packet, on: OrderBench.circuit(circuit), known.contains(circuit) ? .known : .stranger, store: &store,
        leaving: 0, out: &out, at: now)
      if turn == .now { note(packet) }
      takeReleased()
      if turn == .afterReleased { note(packet) }
    }
  }

  /// A circuit is gone.
  mutating func end(_ circuit: Int) {
    order.forget(OrderBench.circuit(circuit))
    pass(.zero)
  }

  /// The time passes.
  mutating func pass(_ duration: Duration) {
    now = now + duration
    order.advance(to: now, store: &store, out: &out)
    takeReleased()
  }

  /// Returns what was delivered since this was last called.
  mutating func take() -> [UInt32] {
    defer { delivered = [] }
    return delivered
  }

  private mutating func takeReleased() {
    while let slot = order.takeReleased(store: &store) {
      if let packet = PacketView(store.room(slot)) { note(packet) }
    }
    order.giveBack(to: &store)
  }

  private mutating func note(_ packet: PacketView) {
    guard let start = packet.tcpStart else { return delivered.append(0) }
    let number = packet.bytes.loadUnaligned(fromByteOffset: start + TCPHeader.sequence, as: UInt32.self)
    delivered.append(UInt32(bigEndian: number))
  }
}
