import PacketSamples
import Testing

@testable import OverlayCore

@Suite("Flow queue that suspends a flow")
struct FlowQueueSuspensionTests {
  private let packets: [[UInt8]]

  init() {
    var random = SeededGenerator(seed: 700)
    packets = (0..<40).map { Sample.packet(payload: 100 + $0, &random) }
  }

  @Test("a suspended flow waits while others go; resumed, it goes on in order", arguments: [false, true])
  func suspend(_ isListedBefore: Bool) throws {
    var bench = QueueBench()
    if isListedBefore { try bench.add(packets[0], flow: 1) }
    bench.queue.suspend(flow: 1)
    for index in 1..<20 { try bench.add(packets[index], flow: UInt32(index % 2)) }
    let evens = stride(from: 2, to: 20, by: 2).map { packets[$0] }
    let taken = try bench.sort(bench.take(.max))
    #expect(taken == [0: evens])
    #expect(bench.queue.isEmpty == false)
    bench.queue.resume(flow: 1)
    let rest = try bench.sort(bench.take(.max))
    let odds = stride(from: 1, to: 20, by: 2).map { packets[$0] }
    #expect(rest == [1: (isListedBefore ? [packets[0]] : []) + odds])
    #expect(bench.queue.isEmpty == true)
    #expect(bench.store.byteCount == bench.store.keptBytes)
  }

  @Test("the write batch goes out though its flow is suspended, and no more of the flow")
  func batch() throws {
    var bench = QueueBench()
    for index in 0..<10 { try bench.add(packets[index], flow: 1) }
    let first = bench.take(10, batch: 300)
    bench.queue.suspend(flow: 1)
    let batch = first + bench.take(.max)
    #expect(bench.queue.batchBytes == 0)
    #expect(batch == Array(packets[..<3].joined().prefix(batch.count)))
    #expect(batch.count < packets[..<4].joined().count)
    bench.queue.resume(flow: 1)
    let all = batch + bench.take(.max)
    #expect(all == Array(packets[..<10].joined()))
  }

  @Test("to suspend twice, or to resume what is not suspended, changes nothing")
  func repetition() throws {
    var bench = QueueBench()
    bench.queue.resume(flow: 3)
    bench.queue.suspend(flow: 3)
    bench.queue.suspend(flow: 3)
    try bench.add(packets[0], flow: 3)
    #expect(bench.take(.max) == [])
    bench.queue.resume(flow: 3)
    bench.queue.resume(flow: 3)
    #expect(bench.take(.max) == packets[0])
    try bench.add(packets[1], flow: 3)
    #expect(bench.take(.max) == packets[1])
  }

  @Test("what is suspended can be taken out, one by one or as a list, and counts for the bound")
  func takenOut() throws {
    var bench = QueueBench()
    bench.queue.suspend(flow: 2)
    for packet in packets { try bench.add(packet, flow: 2) }
    #expect(bench.queue.byteCount == packets.joined().count)
    var next = bench.queue.detach(flow: 2, store: bench.store)
    var detached: [[UInt8]] = []
    while next != .none {
      let slot = next
      next = bench.store[slot].next
      detached.append(Array(bench.store[slot].bytes))
      bench.store.takeBack(slot)
    }
    #expect(detached == packets)
    for packet in packets[..<3] { try bench.add(packet, flow: 2) }
    #expect(bench.popAll() == Array(packets[..<3]))
    bench.queue.releaseIfEmpty()
    // A table that was given back holds nothing.
    try bench.add(packets[0], flow: 2)
    #expect(bench.take(.max) == packets[0])
  }
}
