import Testing

@testable import OverlayCore

/// How a flow queue keeps itself short: a circuit that takes so many packets a second, and senders who do not care.
@Suite("Ageing of a flow queue")
struct FlowQueueAgeingTests {
  private static let pace = ControlledDelay.Pace(target: .milliseconds(5), interval: .milliseconds(100))

  private static func packet(_ number: Int, isECNCapable: Bool = false) -> [UInt8] {
    var random = SeededGenerator(seed: UInt64(700_000 + number))
    var packet = Sample.packet(payload: 1_460, &random)
    packet[1] = isECNCapable ? 0x20 : 0
    return packet
  }

  private static func isMarked(_ packet: some Collection<UInt8>) -> Bool {
    Array(packet.prefix(2))[1] & 0x30 == 0x30
  }

  /// One packet leaves each millisecond; how many were dropped and marked.
  private static func drain(_ bench: inout QueueBench, _ count: Int) -> (sent: [[UInt8]], aged: Int, marked: Int) {
    _ = bench.queue.takeLosses()
    var sent: [[UInt8]] = []
    for _ in 0..<count {
      bench.now = bench.now + .milliseconds(1)
      let packet = bench.take(0, batch: 1, isWhole: true, pace: pace)
      if !packet.isEmpty { sent.append(packet) }
    }
    let losses = bench.queue.takeLosses()
    return (sent, losses.aged, losses.marked)
  }

  @Test("a queue below 5 ms never drops")
  func below() throws {
    var bench = QueueBench()
    for number in 0..<3 { try bench.add(Self.packet(number), flow: 1) }
    for number in 3..<3_000 {
      try bench.add(Self.packet(number), flow: 1)
      let (sent, aged, marked) = Self.drain(&bench, 1)
      #expect(sent == [Self.packet(number - 3)])
      #expect((aged, marked) == (0, 0))
    }
  }

  @Test("a burst that is gone within the interval is sent as it came")
  func burst() throws {
    var bench = QueueBench()
    let packets = (0..<100).map { Self.packet($0) }
    for packet in packets { try bench.add(packet, flow: 1) }
    let (sent, aged, _) = Self.drain(&bench, 100)
    #expect(sent == packets)
    #expect(aged == 0)
  }

  @Test("a queue that stands for longer drops packets, in order, until it is short, and the last is always sent")
  func drops() throws {
    var bench = QueueBench()
    let packets = (0..<500).map { Self.packet($0) }
    for packet in packets { try bench.add(packet, flow: 1) }
    let (sent, aged, marked) = Self.drain(&bench, 500)
    #expect(aged > 5)
    #expect(marked == 0)
    #expect(sent.count + aged == 500)
    #expect(sent.last == packets.last)
    var rest = packets[...]
    for packet in sent {
      let index = rest.firstIndex(of: packet)
      #expect(index != nil)
      rest = rest[((index ?? rest.startIndex) + 1)...]
    }
    #expect(bench.store.byteCount == bench.store.keptBytes)
    // It has recovered: the same again, a little at a time, passes.
    for number in 2_000..<2_200 {
      try bench.add(Self.packet(number), flow: 1)
      #expect(Self.drain(&bench, 1).sent == [Self.packet(number)])
    }
  }

  @Test("packets whose senders understand marks are marked instead, and none is lost")
  func marks() throws {
    var bench = QueueBench()
    let packets = (0..<500).map { Self.packet($0, isECNCapable: true) }
    for packet in packets { try bench.add(packet, flow: 1) }
    let (sent, aged, marked) = Self.drain(&bench, 500)
    #expect(aged == 0)
    #expect(marked > 5)
    #expect(sent.count == 500)
    #expect(sent.count { Self.isMarked($0) } == marked)
    let areSame = zip(sent, packets).allSatisfy { $0[0] == $1[0] && $0[2...] == $1[2...] }
    #expect(areSame)
    #expect(sent.last.map { Self.isMarked($0) } == false)
  }

  @Test("one packet is never dropped, however long it has waited")
  func last() throws {
    var bench = QueueBench()
    for number in 0..<100 {
      try bench.add(Self.packet(number), flow: 1)
      bench.now = bench.now + .seconds(5)
      let (sent, aged, _) = Self.drain(&bench, 1)
      #expect(sent == [Self.packet(number)])
      #expect(aged == 0)
    }
  }

  @Test("a flow that makes the queue stand pays for it alone")
  func innocent() throws {
    var bench = QueueBench()
    var random = SeededGenerator(seed: 700)
    for number in 0..<480 { try bench.add(Self.packet(number), flow: 1) }
    var aged = Self.drain(&bench, 10).aged
    for step in 0..<140 {
      let ping = Sample.packet(payload: 64, &random)
      try bench.add(ping, flow: 2)
      bench.now = bench.now + .milliseconds(1)
      let next = bench.take(0, batch: 1, isWhole: true, pace: Self.pace)
      #expect(next == ping, "step \(step)")
      aged += bench.queue.takeLosses().aged + Self.drain(&bench, 3).aged
    }
    #expect(aged > 5)
  }

  @Test("of a packet that is under way nothing is dropped, however old it is")
  func underWay() throws {
    var bench = QueueBench()
    for number in 0..<300 { try bench.add(Self.packet(number), flow: 1) }
    _ = Self.drain(&bench, 150)
    bench.fillBatch(bytes: 3_000, pace: Self.pace)
    let batch = Array(bench.runs(capacity: 10, from: 0).joined())
    bench.consume(1)
    bench.now = bench.now + .seconds(10)
    let isSame = bench.take(batch.count - 1, batch: 1) == Array(batch[1...])
    #expect(isSame)
  }
}
