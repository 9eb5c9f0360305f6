/// Flows that come on several circuits, in any order: each packet is delivered once, none waits for longer than it may,
/// and the memory stays within its bounds.
enum OrderTarget {
  private static let source = IPv6Address(high: 0xfd87_d87e_eb43_0000, low: 2)
  private static let destination = IPv6Address(high: 0xfd87_d87e_eb43_0000, low: 1)
  private static let memoryLimit = 16 * PacketStore.smallSize

  static func run(_ input: consuming FuzzInput) {
    // Few flows, so that they meet; or many, so that some make room for others.
    let flowCount = input.flag() ? 3 : 256
    let isShort = input.flag()
    var bench = Bench(storeLimit: isShort ? 8 * PacketStore.smallSize : PacketStore.byteLimit)
    var next = [UInt32](repeating: 0xffff_e000, count: flowCount)
    while !input.isEmpty {
      Fuzz.events += 1
      let shape = input.byte()
      switch shape & 7 {
      case 6: bench.pass(.milliseconds(Int(input.byte()) * 5))
      case 7: bench.end(Int(input.byte() & 7))
      default:
        let flow = input.choice(flowCount)
        let length = shape & 0x80 == 0 ? 100 : Int(input.byte())
        let offset = shape & 0x40 == 0 ? 0 : UInt32(truncatingIfNeeded: Int(Int8(bitPattern: input.byte())) * 50)
        let flags: UInt8 = shape & 0x20 == 0 ? TCPHeader.Flag.acknowledgement : input.byte()
        let sequence = next[flow] &+ offset
        next[flow] = shape & 0x10 == 0 ? sequence &+ UInt32(length) : UInt32(input.number()) << 16
        let options = shape & 0x08 == 0 ? [] : input.bytes(atMost: 12)
        bench.bring(segment(flow, sequence, length, flags, options), on: Int(input.byte() & 7))
      }
      bench.checkBounds()
    }
    bench.pass(Resequencer.patience)
    bench.checkEnd()
  }

  private static func segment(
    _ flow: Int, _ sequence: UInt32, _ length: Int, _ flags: UInt8, _ options: [UInt8]
  ) -> [UInt8] {
    let padded = options + [UInt8](repeating: 0, count: -options.count & 3)
    let number = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sequence >> UInt32($0)) }
    let tcp =
      [0, UInt8(truncatingIfNeeded: flow), 0, 80] + number
      + [0, 0, 0, 1, UInt8(5 + padded.count / 4) << 4, flags, 1, 0, 0, 0, 0, 0] + padded
      + [UInt8](repeating: 0, count: length)
    var packet = [UInt8](repeating: 0, count: IPv6Header.size) + tcp
    packet.withUnsafeMutableBytes { bytes in
      IPv6Header(
        payloadLength: UInt16(tcp.count), nextHeader: NextHeader.tcp, hopLimit: 64, source: source,
        destination: destination
      ).store(into: bytes)
    }
    return packet
  }

  private struct Bench: ~Copyable {
    private var order = Resequencer(memoryLimit: OrderTarget.memoryLimit, seed: 1)
    private var store: PacketStore
    private var out = Outbox()
    private var now = Instant(nanoseconds: 1_000_000_000_000)
    private var (brought, delivered): ([[UInt8]: Int], [[UInt8]: Int]) = ([:], [:])

    init(storeLimit: Int) { store = PacketStore(byteLimit: storeLimit) }

    mutating func bring(_ packet: [UInt8], on circuit: Int) {
      brought[packet, default: 0] += 1
      let turn = withCopy(of: packet) { memory in
        guard let view = PacketView(memory) else { fatalError("a segment is no packet") }
        return order.turn(
          of: view, on: CircuitIdentifier(slot: circuit, serial: UInt64(circuit)),
          Standing.allCases[circuit % Standing.allCases.count], store: &store, leaving: 0, out: &out, at: now)
      }
      if turn != .later { delivered[packet, default: 0] += 1 }
      takeReleased()
    }

    mutating func pass(_ duration: Duration) {
      now = now + duration
      order.advance(to: now, store: &store, out: &out)
      takeReleased()
      check(order.nextDeadline > now, "what is due stays")
    }

    mutating func end(_ circuit: Int) {
      order.forget(CircuitIdentifier(slot: circuit, serial: UInt64(circuit)))
      pass(.zero)
    }

    private mutating func takeReleased() {
      while let slot = order.takeReleased(store: &store) { delivered[Array(store[slot].bytes), default: 0] += 1 }
      order.giveBack(to: &store)
    }

    func checkBounds() {
      check(order.memory == store.lentBytes, "\(order.memory) bytes wait, and \(store.lentBytes) are lent")
      check(order.memory <= OrderTarget.memoryLimit, "too much waits")
      check((order.nextDeadline == .distantFuture) == (order.memory == 0), "a deadline for nothing, or none")
      check(order.longestHold <= Resequencer.patience + .milliseconds(255 * 5), "a packet waited for too long")
    }

    func checkEnd() {
      check(order.memory == 0 && store.lentBytes == 0, "something waits for ever")
      check(delivered == brought, "a packet was lost, or came twice")
    }
  }
}
