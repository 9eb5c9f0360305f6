import Testing

@testable import OverlayCore

@Suite("Packets that wait for a circuit")
struct PacketQueueTests {
  @Test("packets leave in the order they came")
  func order() {
    var random = SeededGenerator(seed: 60)
    let packets = (0..<10).map { Sample.packet(payload: $0 * 7, &random) }
    var bench = WaitingBench()
    for packet in packets { #expect(bench.add(packet) == 0) }
    #expect(bench.queue.count == 10)
    #expect(bench.queue.byteCount == packets.joined().count)
    #expect(bench.takeAll() == packets)
    #expect(bench.queue.count == 0)
    #expect(bench.queue.byteCount == 0)
  }

  @Test("a queue that holds nothing hands nothing out")
  func empty() {
    var bench = WaitingBench()
    #expect(bench.pop() == nil)
    #expect(bench.takeAll() == [])
  }

  @Test("of 65 packets the oldest makes room")
  func packetLimit() {
    var random = SeededGenerator(seed: 61)
    let packets = (0..<70).map { _ in Sample.packet(payload: 1, &random) }
    var bench = WaitingBench()
    let dropped = packets.map { bench.add($0) }
    #expect(dropped == [Int](repeating: 0, count: 64) + [1, 1, 1, 1, 1, 1])
    #expect(bench.takeAll() == Array(packets[6...]))
  }

  @Test("128 KiB fit exactly, and as many of the oldest go as one more byte needs")
  func byteLimit() {
    var random = SeededGenerator(seed: 62)
    let packets = [40_000, 25_536, 65_536 - 40, 0].map { Sample.packet(payload: $0 - ($0 > 0 ? 40 : 0), &random) }
    var bench = WaitingBench()
    #expect(bench.add(packets[0]) == 0)
    #expect(bench.add(packets[1]) == 0)
    #expect(bench.add(packets[2]) == 0)
    #expect(bench.queue.byteCount == PacketQueue.byteLimit - 40)
    #expect(bench.add(packets[3]) == 0)
    #expect(bench.queue.byteCount == PacketQueue.byteLimit)
    let large = Sample.packet(payload: 65_535, &random)
    #expect(bench.add(large) == 3)
    let isSame = bench.takeAll() == [packets[3], large]
    #expect(isSame)
  }

  @Test("what waits lies in the store, and nothing is left there when it is taken out")
  func release() {
    var random = SeededGenerator(seed: 67)
    var bench = WaitingBench()
    for _ in 0..<500 {
      _ = bench.add(Sample.packet(payload: Int.random(in: 0...65_535, using: &random), &random))
      if Int.random(in: 0..<3, using: &random) == 0 { _ = bench.pop() }
      #expect(bench.store.lentBytes == bench.queue.memory)
    }
    _ = bench.takeAll()
    #expect(bench.store.lentBytes == 0)
  }

  @Test("of what is lent at the most the oldest makes room, and one packet is always let in")
  func share() {
    var random = SeededGenerator(seed: 68)
    let packets = (0..<5).map { Sample.packet(payload: 100 + $0, &random) } + [Sample.packet(payload: 9_000, &random)]
    var bench = WaitingBench(limit: 2 * PacketStore.smallSize)
    #expect(packets.map { bench.add($0) } == [0, 0, 1, 1, 1, 2])
    #expect(bench.takeAll() == [packets[5]])
  }

  @Test("it behaves as an array of packets does, whatever is done to it", arguments: 0..<6)
  func model(_ seed: UInt64) {
    var random = SeededGenerator(seed: 69 + seed)
    var bench = WaitingBench()
    var model = ModelQueue()
    let largest = [100, 1_500, 65_535][Int(seed % 3)]
    for step in 0..<3_000 {
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<55:
        let packet = Sample.packet(payload: Int.random(in: 0...largest, using: &random), &random)
        #expect(bench.add(packet) == model.append(packet))
      default:
        let isSame = bench.pop() == model.popFirst()
        #expect(isSame, "step \(step)")
      }
      #expect(bench.queue.count == model.packets.count, "step \(step)")
      #expect(bench.queue.byteCount == model.byteCount, "step \(step)")
    }
    let isSame = bench.takeAll() == model.packets
    #expect(isSame)
  }
}

/// The same queue in its plainest form.
private struct ModelQueue {
  var packets: [[UInt8]] = []

  var byteCount: Int { packets.reduce(0) { $0 + $1.count } }

  mutating func append(_ packet: [UInt8]) -> Int {
    packets.append(packet)
    var dropped = 0
    while packets.count > 64 || byteCount > 131_072 {
      packets.removeFirst()
      dropped += 1
    }
    return dropped
  }

  mutating func popFirst() -> [UInt8]? { packets.isEmpty ? nil : packets.removeFirst() }
}

/// A queue with its store.
private struct WaitingBench: ~Copyable {
  var store = PacketStore()
  var queue = PacketQueue()
  private let limit: Int

  init(limit: Int = .max) {
    self.limit = limit
  }

  /// Appends a packet; how many older ones were dropped.
  mutating func add(_ packet: [UInt8]) -> Int {
    guard let slot = try? store.lent(packet) else { return -1 }
    return queue.append(slot, limit: limit, store: &store)
  }

  /// Takes out the first packet.
  mutating func pop() -> [UInt8]? {
    guard let slot = queue.popFirst(store) else { return nil }
    defer { store.takeBack(slot) }
    return Array(store[slot].bytes)
  }

  /// All packets that wait, one by one.
  mutating func takeAll() -> [[UInt8]] {
    var packets: [[UInt8]] = []
    while let packet = pop() { packets.append(packet) }
    return packets
  }
}
