import Testing

@testable import OverlayCore

@Suite("Packets that wait for a circuit")
struct PacketQueueTests {
  @Test("packets leave in the order they came")
  func order() {
    var random = SeededGenerator(seed: 60)
    let packets = (0..<10).map { Sample.packet(payload: $0 * 7, &random) }
    var queue = PacketQueue()
    for packet in packets { #expect(queue.add(packet) == 0) }
    #expect(queue.count == 10)
    #expect(queue.byteCount == packets.joined().count)
    #expect(queue.takeAll() == packets)
    #expect(queue.count == 0)
    #expect(queue.byteCount == 0)
  }

  @Test("a queue that holds nothing hands nothing out")
  func empty() {
    var queue = PacketQueue()
    let isPopped = queue.popFirst { _ in Issue.record("there is no packet") }
    #expect(!isPopped)
    queue.releaseIfEmpty()
    #expect(queue.takeAll() == [])
  }

  @Test("of 65 packets the oldest makes room")
  func packetLimit() {
    var random = SeededGenerator(seed: 61)
    let packets = (0..<70).map { _ in Sample.packet(payload: 1, &random) }
    var queue = PacketQueue()
    let dropped = packets.map { queue.add($0) }
    #expect(dropped == [Int](repeating: 0, count: 64) + [1, 1, 1, 1, 1, 1])
    #expect(queue.takeAll() == Array(packets[6...]))
  }

  @Test("128 KiB fit exactly, and as many of the oldest go as one more byte needs")
  func byteLimit() {
    var random = SeededGenerator(seed: 62)
    let packets = [40_000, 25_536, 65_536 - 40, 0].map { Sample.packet(payload: $0 - ($0 > 0 ? 40 : 0), &random) }
    var queue = PacketQueue()
    #expect(queue.add(packets[0]) == 0)
    #expect(queue.add(packets[1]) == 0)
    #expect(queue.add(packets[2]) == 0)
    #expect(queue.byteCount == PacketQueue.byteLimit - 40)
    #expect(queue.add(packets[3]) == 0)
    #expect(queue.byteCount == PacketQueue.byteLimit)
    let large = Sample.packet(payload: 65_535, &random)
    #expect(queue.add(large) == 3)
    let isSame = queue.takeAll() == [packets[3], large]
    #expect(isSame)
  }

  @Test("the memory is given back when nothing waits, and the queue works on")
  func release() {
    var random = SeededGenerator(seed: 67)
    let packet = Sample.packet(payload: 1_000, &random)
    var queue = PacketQueue()
    _ = queue.add(packet)
    queue.releaseIfEmpty()
    #expect(queue.takeAll() == [packet])
    #expect(queue.ring.capacity > 0)
    queue.releaseIfEmpty()
    #expect(queue.ring.capacity == 0)
    #expect(queue.add(packet) == 0)
    #expect(queue.takeAll() == [packet])
  }

  @Test("no memory beyond the bounds is taken")
  func memory() {
    var random = SeededGenerator(seed: 68)
    var queue = PacketQueue()
    for _ in 0..<500 {
      _ = queue.add(Sample.packet(payload: Int.random(in: 0...65_535, using: &random), &random))
      if Int.random(in: 0..<3, using: &random) == 0 { _ = queue.popFirst { _ in } }
    }
    #expect(queue.ring.capacity <= PacketQueue.byteLimit)
  }

  @Test("it behaves as an array of packets does, whatever is done to it", arguments: 0..<6)
  func model(_ seed: UInt64) {
    var random = SeededGenerator(seed: 69 + seed)
    var queue = PacketQueue()
    var model = ModelQueue()
    let largest = [100, 1_500, 65_535][Int(seed % 3)]
    for step in 0..<3_000 {
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<55:
        let packet = Sample.packet(payload: Int.random(in: 0...largest, using: &random), &random)
        #expect(queue.add(packet) == model.append(packet))
      case 55..<98:
        var popped: [UInt8]?
        _ = queue.popFirst { popped = Array($0) }
        let isSame = popped == model.popFirst()
        #expect(isSame, "step \(step)")
      default:
        queue.releaseIfEmpty()
      }
      #expect(queue.count == model.packets.count, "step \(step)")
      #expect(queue.byteCount == model.byteCount, "step \(step)")
    }
    let isSame = queue.takeAll() == model.packets
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

extension PacketQueue {
  /// Appends a packet; how many older ones were dropped.
  fileprivate mutating func add(_ packet: [UInt8]) -> Int { packet.withUnsafeBytes { append($0) } }

  /// All packets that wait, one by one.
  fileprivate mutating func takeAll() -> [[UInt8]] {
    var packets: [[UInt8]] = []
    while popFirst({ packets.append(Array($0)) }) {}
    return packets
  }
}
