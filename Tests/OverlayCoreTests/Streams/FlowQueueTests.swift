import PacketSamples
import Testing

@testable import OverlayCore

@Suite("Flow queue")
struct FlowQueueTests {
  private static func packets(_ sizes: [Int], seed: UInt64) -> [[UInt8]] {
    var random = SeededGenerator(seed: seed)
    return sizes.map { Sample.packet(payload: $0, &random) }
  }

  @Test("a queue that holds nothing has nothing to send")
  func empty() {
    var bench = QueueBench()
    #expect(bench.queue.isEmpty == true)
    #expect(bench.take(100) == [])
    bench.consume(0)
    bench.consume(100)
    #expect(bench.popAll() == [])
    bench.queue.releaseIfEmpty()
    #expect(bench.take(100) == [])
    #expect(bench.queue.hasMemory == false)
  }

  @Test("packets of one flow leave in the order they came, as one stream of bytes")
  func order() throws {
    let packets = Self.packets((0..<30).map { $0 * 97 }, seed: 600)
    var bench = QueueBench()
    for packet in packets { try bench.add(packet, flow: 5) }
    #expect(bench.queue.byteCount == packets.joined().count)
    let isSame = bench.take(.max) == Array(packets.joined())
    #expect(isSame)
    #expect(bench.queue.isEmpty == true)
    #expect(bench.batch.isEmpty == true)
    #expect(bench.store.byteCount == bench.store.keptBytes)
  }

  @Test(
    "what waits of a flow is taken out in order, but for the write batch; the others' stays, and the queue works on")
  func detach() throws {
    let packets = Self.packets((0..<40).map { 100 + $0 }, seed: 609)
    var bench = QueueBench()
    #expect(bench.queue.detach(flow: 1, store: bench.store) == .none)
    for (index, packet) in packets.enumerated() { try bench.add(packet, flow: UInt32(index % 2)) }
    let sent = bench.take(1_000, batch: 1_500)
    let batch = bench.batch.byteCount
    var detached: [[UInt8]] = []
    var next = bench.queue.detach(flow: 1, store: bench.store)
    while next != .none {
      let slot = next
      next = bench.store[slot].next
      detached.append(Array(bench.store[slot].bytes))
      bench.store.takeBack(slot)
    }
    #expect(!detached.isEmpty)
    #expect(detached == stride(from: 1, to: 40, by: 2).map { packets[$0] }.suffix(detached.count))
    #expect(bench.batch.byteCount == batch)
    #expect(bench.queue.detach(flow: 1, store: bench.store) == .none)
    try bench.add(packets[1], flow: 1)
    let flows = try bench.sort(sent + bench.take(.max))
    #expect(flows.values.joined().count + detached.count == 41)
    #expect(bench.queue.isEmpty == true)
    #expect(bench.queue.memory == 0)
    #expect(bench.store.byteCount == bench.store.keptBytes)
  }

  @Test("whatever is consumed at once, every byte comes out, in whole packets")
  func partialConsumes() throws {
    let packets = Self.packets([0, 1, 30, 0, 100], seed: 601)
    let stream = Array(packets.joined())
    for first in 0...stream.count {
      for second in [0, 1, 39, 40, 41, 100] where first + second <= stream.count {
        var bench = QueueBench()
        for packet in packets { try bench.add(packet, flow: 1) }
        let taken = [bench.take(first), bench.take(second), bench.take(.max)]
        #expect(taken.map(\.count) == [first, second, stream.count - first - second])
        let isSame = Array(taken.joined()) == stream
        #expect(isSame, "\(first) bytes, then \(second)")
      }
    }
  }

  @Test("byte by byte, while packets are added, the stream is one of whole packets")
  func bytewise() throws {
    let packets = Self.packets(Array(0..<40), seed: 602)
    var bench = QueueBench()
    var sent: [UInt8] = []
    for (index, packet) in packets.enumerated() {
      try bench.add(packet, flow: UInt32(index % 3))
      for _ in 0..<50 { sent += bench.take(1, batch: 1) }
    }
    sent += bench.take(.max)
    let flows = try bench.sort(sent)
    for flow in 0..<3 {
      let isSame = flows[UInt32(flow)] == stride(from: flow, to: 40, by: 3).map { packets[$0] }
      #expect(isSame)
    }
  }

  @Test("a packet under way is finished before any other, and is never dropped")
  func underWay() throws {
    let bulk = Self.packets([65_535], seed: 603)[0]
    let sparse = Self.packets([10], seed: 604)[0]
    var bench = QueueBench()
    try bench.add(bulk, flow: 1)
    #expect(bench.batch.isWithinPacket == false)
    var sent = bench.take(1)
    #expect(bench.batch.isWithinPacket == true)
    try bench.add(sparse, flow: 2)
    for _ in 0..<100 { try bench.add(bulk, flow: 1) }
    bench.now = bench.now + .seconds(100)
    sent += bench.take(bulk.count - 1, batch: 1)
    sent += bench.take(sparse.count, batch: 1)
    let isSame = sent == bulk + sparse
    #expect(isSame)
    #expect(bench.batch.isWithinPacket == false)
  }

  @Test(
    "two bulk flows get equal bytes, whatever the sizes of their packets", arguments: [(1_460, 1_460), (1_460, 40)])
  func fairness(_ first: Int, _ second: Int) throws {
    let packets = [Self.packets([first], seed: 605)[0], Self.packets([second], seed: 606)[0]]
    var bench = QueueBench()
    var waiting = [0, 0]
    var bytes: [UInt32: Int] = [:]
    for _ in 0..<100 {
      for flow in 0...1 {
        while waiting[flow] < 100 {
          try bench.add(packets[flow], flow: UInt32(flow + 1))
          waiting[flow] += 1
        }
      }
      for (flow, packets) in try bench.sort(bench.take(0, batch: 4_000, isWhole: true)) {
        bytes[flow, default: 0] += packets.joined().count
        waiting[Int(flow) - 1] -= packets.count
      }
    }
    #expect(bench.overflow == 0)
    let (one, two) = (bytes[1] ?? 0, bytes[2] ?? 0)
    #expect(one + two > 200_000)
    #expect(abs(one - two) <= 2 * FlowQueue.quantum)
  }

  @Test("a sparse flow's packet goes before bulk flows' packets that wait")
  func sparseFirst() throws {
    let bulk = Self.packets([1_460], seed: 607)[0]
    let sparse = Self.packets([60], seed: 608)[0]
    var bench = QueueBench()
    for flow in 1...4 as ClosedRange<UInt32> {
      for _ in 0..<100 { try bench.add(bulk, flow: flow) }
    }
    _ = bench.take(0, batch: 60_000, isWhole: true)
    for _ in 0..<50 {
      try bench.add(sparse, flow: 9)
      let next = bench.take(sparse.count, batch: 1)
      let isSame = next == sparse
      #expect(isSame)
      _ = bench.take(0, batch: 6_000, isWhole: true)
    }
  }

  @Test("a flow that never has more than a packet or two cannot pass for sparse again and again while others wait")
  func pretender() throws {
    let bulk = Self.packets([1_460], seed: 609)[0]
    let other = Self.packets([1_460], seed: 619)[0]
    var bench = QueueBench()
    for _ in 0..<250 { try bench.add(bulk, flow: 1) }
    var bytes: [UInt32: Int] = [:]
    for _ in 0..<200 {
      // Each time it gets its turn there is one more packet.
      try bench.add(other, flow: 2)
      for (flow, packets) in try bench.sort(bench.take(0, batch: 1, isWhole: true)) {
        bytes[flow, default: 0] += packets.joined().count
      }
    }
    #expect(abs((bytes[1] ?? 0) - (bytes[2] ?? 0)) <= 4 * 1_514)
  }

  @Test(
    "what waits is lent 1 MiB at the most: past that the longest flow's oldest packet makes room",
    arguments: [(60_000, 65_600), (1_000, 2_048)])
  func bound(_ length: Int, _ memory: Int) throws {
    let sparse = Self.packets([100], seed: 610)[0]
    let packets = (0..<600).map { SamplePacket.payload(length, seed: $0) }
    var bench = QueueBench()
    try bench.add(sparse, flow: 2)
    for packet in packets {
      try bench.add(packet, flow: 1)
      let lent = bench.queue.memory
      #expect(lent <= 1 << 20)
    }
    let fitting = ((1 << 20) - 2_048) / memory
    #expect(bench.queue.byteCount == fitting * length + sparse.count)
    #expect(bench.queue.memory == fitting * memory + 2_048)
    #expect(bench.overflow == 600 - fitting)
    let isSame = bench.take(.max) == sparse + Array(packets.suffix(fitting).joined())
    #expect(isSame)
    #expect(bench.queue.memory == 0)
    #expect(bench.queue.takeLosses().aged == 0)
    #expect(bench.store.byteCount == bench.store.keptBytes)
  }

  @Test("so many packets go into the write batch as were asked for, and no more bytes than the last packet is long")
  func settling() throws {
    let packet = Self.packets([960], seed: 611)[0]
    var bench = QueueBench()
    for _ in 0..<100 { try bench.add(packet, flow: 1) }
    #expect(bench.overflow == 0)
    bench.fillBatch(bytes: 16_384)
    #expect(bench.batch.byteCount == 17_000)
    bench.fillBatch(bytes: 16_384)
    #expect(bench.batch.byteCount == 17_000)
    bench.fillBatch(bytes: .max, packets: 3)
    #expect(bench.batch.byteCount == 20_000)
    #expect(bench.queue.byteCount == 80_000)
    #expect(bench.queue.byteCount + bench.batch.byteCount == 100_000)
  }

  @Test("the write batch is handed out in as many runs as there is room for, from the byte that comes next")
  func runs() throws {
    let packets = Self.packets([100, 200, 300, 400], seed: 612)
    var bench = QueueBench()
    for packet in packets { try bench.add(packet, flow: 1) }
    bench.fillBatch(bytes: .max)
    bench.consume(150)
    #expect(bench.runs(capacity: 10, from: 0) == [Array(packets[1][10...]), packets[2], packets[3]])
    #expect(bench.runs(capacity: 3, from: 1) == [Array(packets[1][10...]), packets[2]])
    #expect(bench.runs(capacity: 1, from: 1) == [])
  }

  @Test("whole packets are popped, those of the write batch first; the cut one is forgotten")
  func popping() throws {
    let packets = Self.packets([100, 200, 300, 400, 500, 600], seed: 613)
    var bench = QueueBench()
    for packet in packets { try bench.add(packet, flow: 1) }
    bench.fillBatch(bytes: 600)
    bench.consume(packets[0].count + 7)
    #expect(bench.popAll() == Array(packets[2...]))
    #expect(bench.queue.isEmpty == true)
    #expect(bench.batch.isEmpty == true)
    #expect(bench.batch.isWithinPacket == false)
    try bench.add(packets[0], flow: 1)
    #expect(bench.take(.max) == packets[0])
    #expect(bench.store.byteCount == bench.store.keptBytes)
  }

  @Test("memory for flows is given back when nothing waits, and the queue works on")
  func release() throws {
    let packet = Self.packets([100], seed: 614)[0]
    var bench = QueueBench()
    try bench.add(packet, flow: 3)
    bench.queue.releaseIfEmpty()
    #expect(bench.queue.hasMemory == true)
    bench.fillBatch(bytes: .max)
    bench.consume(5)
    bench.queue.releaseIfEmpty()
    #expect(bench.take(.max) == Array(packet[5...]))
    bench.queue.releaseIfEmpty()
    #expect(bench.queue.hasMemory == false)
    for flow in [3, 4, 3] as [UInt32] { try bench.add(packet, flow: flow) }
    #expect(bench.take(.max) == packet + packet + packet)
  }

  @Test("it loses and reorders nothing within a flow, whatever is done to it", arguments: 0..<8 as Range<UInt64>)
  func model(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: 620 + seed)
    var bench = QueueBench()
    let largest = [60, 1_460, 20_000, 1_460][Int(seed % 4)]
    let flowCount: UInt32 = seed < 4 ? 5 : 200
    var queued: [UInt32: [[UInt8]]] = [:]
    var queuedBytes = 0
    var sent: [UInt8] = []
    for step in 0..<2_000 {
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<50 where bench.queue.memory <= FlowQueue.memoryLimit - PacketStore.largeSize:
        let flow = UInt32.random(in: 0..<flowCount, using: &random)
        let packet = Sample.packet(payload: Int.random(in: 8...max(8, largest), using: &random), &random)
        try bench.add(packet, flow: flow)
        queued[flow % 64, default: []].append(packet)
        queuedBytes += packet.count
      case 0..<95:
        let most = Bool.random(using: &random) ? largest * 4 : 50
        sent += bench.take(Int.random(in: 0...most, using: &random), batch: Int.random(in: 0...16_384, using: &random))
      default:
        bench.queue.releaseIfEmpty()
      }
      let waiting = bench.queue.byteCount + bench.batch.byteCount
      #expect(waiting == queuedBytes - sent.count, "step \(step)")
      guard step % 500 == 499 else { continue }
      sent += bench.take(.max)
      let flows = try bench.sort(sent)
      let isSame = flows == queued
      #expect(isSame, "step \(step)")
      (queued, queuedBytes, sent) = ([:], 0, [])
    }
  }
}
