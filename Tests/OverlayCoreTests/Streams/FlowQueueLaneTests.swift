import Testing

@testable import OverlayCore

@Suite("Lanes of a flow queue")
struct FlowQueueLaneTests {
  private static func packet(_ seed: UInt64, _ length: Int = 1_000) -> [UInt8] {
    var random = SeededGenerator(seed: 900_000 + seed)
    return Sample.packet(payload: length, &random)
  }

  /// A queue from which circuits take by so many lanes.
  private static func bench(lanes count: Int) -> QueueBench {
    var bench = QueueBench()
    for lane in 1...count { bench.queue.setLane(lane, isOpen: true) }
    return bench
  }

  /// The packets that the circuit of a lane takes in one batch.
  private static func take(_ bench: inout QueueBench, for lane: Int, _ packets: Int = .max) -> [[UInt8]] {
    bench.fillBatch(for: lane, bytes: .max, packets: packets)
    var taken: [[UInt8]] = []
    while let slot = bench.batch.popWhole(store: &bench.store) {
      taken.append(Array(bench.store[slot].bytes))
      bench.store.takeBack(slot)
    }
    return taken
  }

  @Test("whoever drains first gets the next packet of a flow that may be spread")
  func shared() throws {
    var bench = Self.bench(lanes: 3)
    let packets = (0..<9).map { Self.packet($0) }
    for packet in packets { try bench.add(packet, flow: 5) }
    let taken = [1, 3, 3, 2, 1, 1, 2, 3, 3].map { Self.take(&bench, for: $0, 1) }
    #expect(Array(taken.joined()) == packets)
  }

  @Test("a bound flow's packets go to one circuit alone, and to the others nothing")
  func bound() throws {
    var bench = Self.bench(lanes: 2)
    let packets = (0..<4).map { Self.packet($0) }
    for packet in packets { try bench.add(packet, flow: 5, isBound: true) }
    let lane = bench.queue.lane(of: 5)
    #expect(lane == 1)
    #expect(bench.queue.hasPackets(for: 2) == false)
    #expect(bench.queue.hasPackets(for: 1) == true)
    #expect(Self.take(&bench, for: 2) == [])
    #expect(Self.take(&bench, for: 1) == packets)
  }

  @Test("a bound flow begins where the fewest bytes wait")
  func leastBytes() throws {
    var bench = Self.bench(lanes: 3)
    for (flow, length) in [(1, 3_000), (2, 1_000), (3, 2_000), (4, 500), (5, 600)] as [(UInt32, Int)] {
      try bench.add(Self.packet(UInt64(flow), length), flow: flow, isBound: true)
    }
    #expect((1...5 as ClosedRange<UInt32>).map { bench.queue.lane(of: $0) } == [1, 2, 3, 2, 2])
  }

  @Test("it stays there as long as it sends each second, and begins anew after that")
  func silence() throws {
    var bench = Self.bench(lanes: 2)
    try bench.add(Self.packet(1), flow: 1, isBound: true)
    try bench.add(Self.packet(2), flow: 2, isBound: true)
    #expect(Self.take(&bench, for: 2).count == 1)
    bench.now = bench.now + .milliseconds(900)
    try bench.add(Self.packet(3, 5_000), flow: 2, isBound: true)
    #expect(bench.queue.lane(of: 2) == 2)
    #expect(Self.take(&bench, for: 1).count == 1)
    #expect(Self.take(&bench, for: 2).count == 1)
    try bench.add(Self.packet(4), flow: 9, isBound: true)
    bench.now = bench.now + .milliseconds(1_100)
    try bench.add(Self.packet(5), flow: 2, isBound: true)
    #expect(bench.queue.lane(of: 9) != bench.queue.lane(of: 2))
    // Nothing binds it any more.
    #expect(Self.take(&bench, for: bench.queue.lane(of: 2)).count == 1)
    bench.now = bench.now + .milliseconds(1_100)
    try bench.add(Self.packet(6), flow: 2)
    #expect(bench.queue.lane(of: 2) == 0)
  }

  @Test("when its circuit is gone, what waits goes on along another, in order; without any, whoever comes takes it")
  func gone() throws {
    var bench = Self.bench(lanes: 2)
    let packets = (0..<6).map { Self.packet($0) }
    for packet in packets { try bench.add(packet, flow: 1, isBound: true) }
    #expect(Self.take(&bench, for: 1, 1) == [packets[0]])
    bench.queue.setLane(1, isOpen: false)
    #expect(bench.queue.lane(of: 1) == 2)
    #expect(Self.take(&bench, for: 2, 2) == Array(packets[1...2]))
    bench.queue.setLane(2, isOpen: false)
    #expect(bench.queue.lane(of: 1) == 0)
    #expect(Self.take(&bench, for: 0, 1) == [packets[3]])
    bench.queue.setLane(3, isOpen: true)
    #expect(bench.queue.lane(of: 1) == 3)
    #expect(Self.take(&bench, for: 3) == Array(packets[4...]))
    #expect(bench.queue.memory == 0)
  }

  @Test("where bound packets share a place with others, all of them are bound, and each flow stays in order")
  func mixed() throws {
    var bench = Self.bench(lanes: 2)
    let packets = (0..<8).map { Self.packet($0) }
    for (index, packet) in packets.enumerated() {
      try bench.add(packet, flow: index % 2 == 0 ? 3 : 3 + 64, isBound: index == 5)
    }
    let lane = bench.queue.lane(of: 3)
    #expect(lane > 0)
    #expect(Self.take(&bench, for: 3 - lane) == [])
    #expect(Self.take(&bench, for: lane) == packets)
  }

  @Test("what a circuit was about to send when it was lost is put back before the rest")
  func putBack() throws {
    var bench = QueueBench()
    let packets = (0..<6).map { Self.packet($0) }
    for packet in packets { try bench.add(packet, flow: 1) }
    bench.fillBatch(bytes: .max, packets: 3)
    var taken: [PacketStore.Slot] = []
    while let slot = bench.batch.popWhole(store: &bench.store) { taken.append(slot) }
    for slot in taken.reversed() { bench.queue.putBack(slot, flow: 1, store: &bench.store) }
    #expect(Self.take(&bench, for: 0) == packets)
    #expect(bench.store.lentBytes == 0)
  }

  @Test("a circuit serves bound and shared flows in turns")
  func turns() throws {
    var bench = QueueBench()
    bench.queue.setLane(1, isOpen: true)
    for number in 0..<40 as Range<UInt64> {
      try bench.add(Self.packet(number), flow: 1, isBound: true)
      try bench.add(Self.packet(100 + number), flow: 2)
    }
    let shared = Set((0..<40).map { Self.packet(100 + $0) })
    let taken = Self.take(&bench, for: 1, 20)
    #expect((9...11).contains(taken.count { shared.contains($0) }))
  }
}
