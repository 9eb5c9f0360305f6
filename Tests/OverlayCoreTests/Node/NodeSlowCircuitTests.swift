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
    // The write batch, and two packets a flow.
    let queue = load.queueBytes.sorted()[load.queueBytes.count / 2]
    #expect(queue <= Circuit.batchSizes.lowerBound + 8 * 2 * 1_248)
    let ping = load.pings.sorted()[load.pings.count / 2]
    #expect(ping.seconds <= Double(Circuit.batchSizes.lowerBound + 3 * FlowQueue.quantum) / rate)
  }

  // One packet takes 12 to 25 ms: with CoDel's usual target of 5 ms, which such a queue can never reach, this flow lost
  // packets for ever.
  @Test(
    "does not age packets for its slowness: two may wait, however long they take, and a few more may not",
    arguments: [(50_000, 20), (100_000, 24)])
  func stretchedTarget(_ bytesPerSecond: Int, _ window: Int) throws {
    var load = try SlowCircuitLoad(bytesPerSecond: Double(bytesPerSecond), flows: 1, windowLimit: window)
    try load.run(for: .seconds(60))
    #expect(load.host.count(.queueAged) == 0)
    #expect(Double(load.arrivedBytes) >= 0.98 * Double(bytesPerSecond) * 60)
    var greedy = try SlowCircuitLoad(bytesPerSecond: Double(bytesPerSecond), flows: 1, windowLimit: window + 3)
    try greedy.run(for: .seconds(60))
    #expect(greedy.host.count(.queueAged) > 0)
  }
}
