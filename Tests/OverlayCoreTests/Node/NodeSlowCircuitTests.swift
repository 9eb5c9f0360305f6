import Testing

@testable import OverlayCore

@Suite("A slow circuit")
struct NodeSlowCircuitTests {
  @Test(
    "is kept full by eight flows that lose little, its queue stays short, and a ping waits for none of them",
    arguments: [(20_000, 60), (100_000, 30), (400_000, 10)])
  func eightFlows(_ bytesPerSecond: Int, _ seconds: Int) throws {
    let rate = Double(bytesPerSecond)
    var load = try SlowCircuitLoad(bytesPerSecond: rate)
    try load.run(for: .seconds(seconds) / 2)
    load.forget()
    try load.run(for: .seconds(seconds))
    #expect(Double(load.arrivedBytes) >= 0.97 * rate * Double(seconds))
    #expect(Double(load.lostCount) <= 0.12 * Double(load.sentCount))
    // The write batch, two packets a flow, and what the circuit takes while the queue may stand.
    let queue = load.queueBytes.sorted()[load.queueBytes.count / 2]
    let least = Circuit.batchSizes.lowerBound + 8 * 2 * 1_248
    #expect(Double(queue) <= Double(least) + rate * BulkQueue.pace.target.seconds)
    let ping = load.pings.sorted()[load.pings.count / 2]
    #expect(ping.seconds <= 0.025 + 2 * 1_248 / rate)
  }

  @Test("a ping waits for no more than three packets", arguments: [2_000, 5_000, 10_000])
  func ping(_ bytesPerSecond: Int) throws {
    let rate = Double(bytesPerSecond)
    var load = try SlowCircuitLoad(bytesPerSecond: rate, pingInterval: .milliseconds(500))
    try load.run(for: .seconds(60))
    load.forget()
    try load.run(for: .seconds(60))
    let pings = load.pings.sorted()
    #expect(pings.count > 110)
    #expect(pings[pings.count * 95 / 100].seconds <= 3 * 1_248 / rate + 0.03)
    #expect(Double(load.arrivedBytes) >= 0.9 * rate * 60)
  }

  // One packet takes 125 to 250 ms: a target that such a queue can never reach would make this flow lose packets for
  // ever.
  @Test(
    "does not age packets for its slowness: two may wait, however long they take, and a few more may not",
    arguments: [(5_000, 3), (10_000, 4)])
  func stretchedTarget(_ bytesPerSecond: Int, _ window: Int) throws {
    var load = try SlowCircuitLoad(bytesPerSecond: Double(bytesPerSecond), flows: 1, windowLimit: window)
    try load.run(for: .seconds(60))
    #expect(load.host.count(.queueAged) == 0)
    #expect(Double(load.arrivedBytes) >= 0.9 * Double(bytesPerSecond) * 60)
    var greedy = try SlowCircuitLoad(bytesPerSecond: Double(bytesPerSecond), flows: 1, windowLimit: window + 5)
    try greedy.run(for: .seconds(60))
    #expect(greedy.host.count(.queueAged) > 0)
  }

  @Test(
    "a ping that is sent behind a burst of 192 KiB leaves before the burst's rest, though it was slow a while ago",
    arguments: [nil, 0, 15])
  func burst(_ secondsSinceItWasSlow: Int?) throws {
    let stage = try LaneStage()
    let host = try stage.connected(circuits: 2)
    let circuit = stage.world.circuits[0]
    if let seconds = secondsSinceItWasSlow {
      for number in 0..<150 {
        circuit.room = 200
        if number % 5 == 0 { stage.world.queue(stage.packet(2, number), from: host) }
        stage.world.pass(.milliseconds(10))
      }
      circuit.room = 1_000_000
      stage.world.pass(.seconds(seconds))
    }
    circuit.room = 0
    let before = stage.arrived(circuit).count
    for number in 0..<158 { stage.world.queue(stage.packet(1, number), from: host) }
    stage.world.settle()
    stage.world.send(stage.ping(1), from: host)
    for _ in 0..<150 {
      circuit.room = 200
      stage.world.pass(.milliseconds(10))
    }
    // The write batch goes before it, and nothing else.
    let batch = secondsSinceItWasSlow == nil ? Circuit.firstBatch : 1_248
    let place = try #require(stage.arrived(circuit).lastIndex(of: stage.ping(1))) - before
    #expect(place <= batch / 1_248 + 1)
  }

  @Test(
    "its kernel is told to hold no more than the circuit takes in 20 ms, and more again once that is fast",
    arguments: [(2_000, 1...60), (10_000, 150...300), (100_000, 1_400...3_000), (1_000_000, 12_000...16_384)])
  func unsentLimit(_ bytesPerSecond: Int, _ limits: ClosedRange<Int>) throws {
    let stage = try LaneStage()
    let host = try stage.connected(circuits: 1)
    let circuit = stage.world.circuits[0]
    #expect(circuit.unsentLimit == Circuit.firstUnsent)
    for (rate, limits) in [(bytesPerSecond, limits), (4_000_000, 16_384...16_384)] {
      for number in 0..<300 {
        circuit.room = rate / 100
        for _ in 0..<rate / 100_000 + 1 { stage.world.queue(stage.packet(number % 8, number), from: host) }
        stage.world.pass(.milliseconds(10))
      }
      #expect(circuit.unsentLimit.map { limits.contains($0) } == true, "\(circuit.unsentLimit ?? 0) at \(rate)")
    }
  }
}
