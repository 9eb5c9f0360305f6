import Testing

@testable import OverlayCore

@Suite("Packet queue")
struct PacketQueueTests {
  @Test("packets leave in the order they came, as one stream of bytes")
  func order() {
    var random = SeededGenerator(seed: 60)
    let packets = (0..<10).map { Sample.packet(payload: $0 * 7, &random) }
    var queue = PacketQueue()
    for packet in packets { #expect(queue.add(packet) == 0) }
    #expect(queue.count == 10)
    #expect(queue.byteCount == packets.joined().count)
    #expect(queue.bytes == Array(packets.joined()))
  }

  @Test("a queue that holds nothing has nothing to send")
  func empty() {
    var queue = PacketQueue()
    let isEmpty = queue.isEmpty
    let isPopped = queue.popFirst { _ in Issue.record("there is no packet") }
    #expect(isEmpty)
    #expect(!isPopped)
    #expect(queue.bytes == [])
    queue.consume(0)
    queue.releaseIfEmpty()
    #expect(queue.bytes == [])
  }

  @Test("of 65 packets the oldest makes room")
  func packetLimit() {
    var random = SeededGenerator(seed: 61)
    let packets = (0..<70).map { _ in Sample.packet(payload: 1, &random) }
    var queue = PacketQueue()
    let dropped = packets.map { queue.add($0) }
    #expect(dropped == [Int](repeating: 0, count: 64) + [1, 1, 1, 1, 1, 1])
    #expect(queue.bytes == Array(packets[6...].joined()))
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
    let isSame = queue.bytes == packets[3] + large
    #expect(isSame)
  }

  @Test("a packet under way is never dropped, and does not count against the bounds")
  func underWay() {
    var random = SeededGenerator(seed: 63)
    let first = Sample.packet(payload: 65_535, &random)
    var queue = PacketQueue()
    #expect(queue.add(first) == 0)
    queue.consume(1)
    #expect(queue.count == 0)
    let isEmpty = queue.isEmpty
    #expect(!isEmpty)
    let packets = (0..<80).map { _ in Sample.packet(payload: 100, &random) }
    let dropped = packets.reduce(0) { $0 + queue.add($1) }
    #expect(dropped == 16)
    let isSame = queue.bytes == Array(first[1...]) + Array(packets[16...].joined())
    #expect(isSame)
  }

  @Test("whatever is consumed at once, the stream stays the same")
  func partialConsumes() {
    var random = SeededGenerator(seed: 64)
    let packets = [0, 1, 30, 0, 100].map { Sample.packet(payload: $0, &random) }
    let stream = Array(packets.joined())
    for first in 0...stream.count {
      for second in [0, 1, 39, 40, 41, 100] where first + second <= stream.count {
        var queue = PacketQueue()
        for packet in packets { _ = queue.add(packet) }
        queue.consume(first)
        let isSame = queue.bytes == Array(stream[first...])
        queue.consume(second)
        let isStillSame = queue.bytes == Array(stream[(first + second)...])
        #expect(isSame && isStillSame, "\(first) bytes, then \(second)")
      }
    }
  }

  @Test("byte by byte, while packets are added, the stream stays the same")
  func bytewise() {
    var random = SeededGenerator(seed: 65)
    var queue = PacketQueue()
    var stream: [UInt8] = []
    var sent: [UInt8] = []
    for size in 0..<40 {
      let packet = Sample.packet(payload: size, &random)
      stream += packet
      #expect(queue.add(packet) == 0)
      for _ in 0..<50 where !queue.isEmpty { sent.append(queue.take(1)[0]) }
    }
    while !queue.isEmpty { sent.append(queue.take(1)[0]) }
    #expect(sent == stream)
  }

  @Test("whole packets are popped; the rest of one under way is not, and can be forgotten")
  func popping() {
    var random = SeededGenerator(seed: 66)
    let packets = (0..<4).map { Sample.packet(payload: $0 * 1_000, &random) }
    var queue = PacketQueue()
    for packet in packets { _ = queue.add(packet) }
    queue.consume(packets[0].count + 7)
    #expect(queue.bytes == packets[1][7...] + packets[2] + packets[3])
    var popped: [[UInt8]] = []
    #expect(queue.popFirst { popped.append(Array($0)) } == true)
    #expect(queue.dropRest() == true)
    #expect(queue.dropRest() == false)
    #expect(queue.bytes == packets[3])
    #expect(queue.popFirst { popped.append(Array($0)) } == true)
    #expect(queue.popFirst { popped.append(Array($0)) } == false)
    #expect(popped == [packets[2], packets[3]])
    let isEmpty = queue.isEmpty
    #expect(isEmpty)
  }

  @Test("the memory is given back when nothing waits, and the queue works on")
  func release() {
    var random = SeededGenerator(seed: 67)
    let packet = Sample.packet(payload: 1_000, &random)
    var queue = PacketQueue()
    _ = queue.add(packet)
    queue.releaseIfEmpty()
    #expect(queue.bytes == packet)
    queue.consume(10)
    queue.releaseIfEmpty()
    #expect(queue.bytes == Array(packet[10...]))
    queue.consume(packet.count - 10)
    #expect(queue.ring.capacity > 0)
    queue.releaseIfEmpty()
    #expect(queue.ring.capacity == 0)
    #expect(queue.rest.capacity == 0)
    #expect(queue.add(packet) == 0)
    #expect(queue.bytes == packet)
  }

  @Test("no memory beyond the bounds is taken")
  func memory() {
    var random = SeededGenerator(seed: 68)
    var queue = PacketQueue()
    for _ in 0..<500 {
      _ = queue.add(Sample.packet(payload: Int.random(in: 0...65_535, using: &random), &random))
      if Bool.random(using: &random) { queue.consume(Int.random(in: 0...queue.bytes.count, using: &random)) }
    }
    #expect(queue.ring.capacity <= PacketQueue.byteLimit)
    #expect(queue.rest.capacity <= PacketQueue.byteLimit)
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
      case 55..<85:
        let available = model.rest.count + model.byteCount
        let most = Bool.random(using: &random) ? available : min(available, 50)
        let count = Int.random(in: 0...most, using: &random)
        let isSame = queue.take(count) == model.take(count)
        #expect(isSame, "step \(step)")
      case 85..<95:
        var popped: [UInt8]?
        _ = queue.popFirst { popped = Array($0) }
        let isSame = popped == model.popFirst()
        #expect(isSame, "step \(step)")
      case 95:
        #expect(queue.dropRest() == !model.rest.isEmpty, "step \(step)")
        model.rest = []
      default:
        queue.releaseIfEmpty()
      }
      #expect(queue.count == model.packets.count, "step \(step)")
      #expect(queue.byteCount == model.byteCount, "step \(step)")
    }
    let isSame = queue.bytes == model.stream
    #expect(isSame)
  }
}

/// The same queue in its plainest form.
private struct ModelQueue {
  var packets: [[UInt8]] = []
  var rest: [UInt8] = []

  var byteCount: Int { packets.reduce(0) { $0 + $1.count } }
  var stream: [UInt8] { packets.reduce(into: rest) { $0 += $1 } }

  mutating func append(_ packet: [UInt8]) -> Int {
    packets.append(packet)
    var dropped = 0
    while packets.count > 64 || byteCount > 131_072 {
      packets.removeFirst()
      dropped += 1
    }
    return dropped
  }

  mutating func take(_ count: Int) -> [UInt8] {
    var taken = Array(rest.prefix(count))
    rest.removeFirst(taken.count)
    while taken.count < count {
      let packet = packets.removeFirst()
      rest = Array(packet.dropFirst(count - taken.count))
      taken += packet.dropLast(rest.count)
    }
    return taken
  }

  mutating func popFirst() -> [UInt8]? { packets.isEmpty ? nil : packets.removeFirst() }
}

extension PacketQueue {
  /// Appends a packet; how many older ones were dropped.
  fileprivate mutating func add(_ packet: [UInt8]) -> Int { packet.withUnsafeBytes { append($0) } }

  /// All that is to be sent.
  fileprivate var bytes: [UInt8] {
    let runs = runs
    return Array(runs.0) + Array(runs.1) + Array(runs.2)
  }

  /// Sends so many bytes.
  fileprivate mutating func take(_ count: Int) -> [UInt8] {
    let taken = Array(bytes.prefix(count))
    consume(count)
    return taken
  }
}
