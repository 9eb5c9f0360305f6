import PacketSamples
import Testing

@testable import OverlayCore

@Suite("The bounds of what waits for its turn")
struct ResequencerBoundsTests {
  @Test("a flow holds four mebibytes; past that its first gap is given up")
  func flow() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    let most = UInt32(Resequencer.flowMemory / PacketStore.smallSize)
    for index in 0..<most { bench.bring(3_000 + index * 1_000, on: 2) }
    #expect(bench.take() == [1_000])
    #expect(bench.order.memory == Resequencer.flowMemory)
    bench.bring(3_000 + most * 1_000, on: 2)
    #expect(bench.take() == (0...most).map { 3_000 + $0 * 1_000 })
    #expect(bench.order.memory == 0 && bench.order.nextDeadline == .distantFuture)
    #expect(bench.out.counters[.orderGivenUp] == 1)
  }

  @Test("the place of a packet is found near one of its circuit, and not looked for without end among many")
  func steps() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    let count: UInt32 = 1_500
    for place in 0..<count { bench.bring(4_000 + place * 2_000, on: 2) }
    // Whoever brings a run of packets is found again behind the last of them.
    let run = (0..<400).map { 5_000 + ($0 + 700) * 2_000 as UInt32 }
    for start in run { bench.bring(start, on: 3) }
    #expect(bench.take() == [1_000])
    // Whoever jumps to and fro is not: all that wait let go before it, and none is lost.
    var jumps: [UInt32] = []
    while bench.order.memory > 0, jumps.count < 300 {
      jumps.append(5_000 + (jumps.count % 2 == 0 ? 600 - UInt32(jumps.count) : UInt32(jumps.count)) * 2_000)
      bench.bring(jumps[jumps.count - 1], on: 4)
    }
    #expect(jumps.count < 300 && bench.order.memory == 0 && bench.store.lentBytes == 0)
    let taken = bench.take()
    let all = (0..<count).map { 4_000 + $0 * 2_000 } + run + jumps
    #expect(taken.sorted() == all.sorted())
    #expect(taken.last == jumps.last && taken.dropLast().elementsEqual(taken.dropLast().sorted()))
  }

  @Test("of flows that hold much each leaves half of what is free, and has a mebibyte")
  func shares() {
    var bench = OrderBench()
    bench.known = [1, 2]
    let most = UInt32(Resequencer.flowMemory / PacketStore.smallSize)
    for flow: UInt16 in 1...6 {
      bench.bring(1_000, on: 1, flow: flow)
      for index in 0..<most { bench.bring(3_000 + index * 2_000, on: 2, flow: flow) }
    }
    #expect(bench.order.memory <= Resequencer.memoryLimit && bench.order.memory > Resequencer.memoryLimit / 2)
    let before = bench.out.counters[.orderGivenUp]
    bench.bring(1_000, on: 1, flow: 7)
    for index in 0..<500 as Range<UInt32> { bench.bring(3_000 + index * 2_000, on: 2, flow: 7) }
    #expect(bench.out.counters[.orderGivenUp] == before, "a further flow has its mebibyte")
  }

  @Test("past the bound of all flows that which waited for longest gives up")
  func all() {
    var bench = OrderBench(memoryLimit: 4 * PacketStore.smallSize)
    bench.known = [1, 2]
    for flow: UInt16 in 1...3 {
      bench.bring(1_000, on: 1, flow: flow)
      bench.bring(2_000, on: 2, flow: flow)
    }
    _ = bench.take()
    for flow: UInt16 in [2, 1, 3] {
      bench.bring(4_000, on: 1, flow: flow)
      bench.pass(.milliseconds(1))
    }
    bench.bring(5_000, on: 1, flow: 1)
    #expect(bench.take() == [])
    bench.bring(6_000, on: 1, flow: 1)
    #expect(bench.take() == [4_000])
    bench.bring(5_000, on: 2, flow: 2)
    #expect(bench.take() == [5_000])
    #expect(bench.order.memory == 4 * PacketStore.smallSize)
  }

  @Test("a quarter of that bound is left to peers that the operator named, and what is theirs gives way last")
  func reserve() {
    var bench = OrderBench(memoryLimit: 8 * PacketStore.smallSize)
    bench.known = [1, 2]
    bench.bring(1_000, on: 1)
    bench.bring(2_000, on: 2)
    bench.bring(4_000, on: 1)
    bench.pass(.milliseconds(1))
    #expect(bench.take() == [1_000, 2_000])
    for flow: UInt16 in 2...20 {
      bench.bring(1_000, on: 3, flow: flow)
      bench.bring(3_000, on: 4, flow: flow)
    }
    #expect(bench.order.memory == 7 * PacketStore.smallSize)
    #expect(!bench.take().contains(4_000))
    bench.bring(5_000, on: 1)
    #expect(bench.take() == [])
    bench.bring(6_000, on: 1)
    #expect(bench.take() == [3_000], "a stranger's")
    bench.bring(3_000, on: 2)
    #expect(bench.take() == [3_000, 4_000, 5_000, 6_000])
    bench.pass(.seconds(1))
    #expect(bench.order.memory == 0 && bench.store.lentBytes == 0 && bench.order.nextDeadline == .distantFuture)
  }

  @Test("what strangers begin displaces no flow of a peer that the operator named while that goes on")
  func knownFlows() {
    var bench = OrderBench()
    bench.known = [1, 2]
    for flow: UInt16 in 1...2_000 { bench.bring(1_000, on: 1, flow: flow) }
    for flow: UInt16 in 1_000...1_007 {
      bench.bring(1_000, on: 1, flow: flow)
      bench.bring(3_000, on: 2, flow: flow)
    }
    _ = bench.take()
    for flow: UInt16 in 3_000...4_000 {
      bench.bring(1_000, on: 3, flow: flow)
      bench.bring(3_000, on: 4, flow: flow)
    }
    #expect(bench.take() == (3_000...4_000).flatMap { (_: UInt16) in [UInt32(1_000), 3_000] }, "as they came")
    for flow: UInt16 in 1_000...1_007 { bench.bring(2_000, on: 1, flow: flow) }
    #expect(bench.take() == (0..<8).flatMap { _ in [UInt32(2_000), 3_000] })
    // Of those that are over nothing is kept from strangers.
    bench.pass(.seconds(2))
    bench.bring(1_000, on: 3, flow: 5_000)
    bench.bring(3_000, on: 4, flow: 5_000)
    bench.bring(2_000, on: 3, flow: 5_000)
    #expect(bench.take() == [1_000, 2_000, 3_000])
  }

  @Test("where the store has no room nothing waits, and nothing is lost")
  func store() {
    var bench = OrderBench(storeLimit: 2 * PacketStore.smallSize)
    bench.bring(1_000, on: 1)
    bench.bring(3_000, on: 2)
    bench.bring(4_000, on: 2)
    bench.bring(6_000, on: 2)
    #expect(bench.take() == [1_000, 3_000, 4_000, 6_000])
    #expect(bench.store.lentBytes == 0)
    bench.bring(7_000, on: 1)
    #expect(bench.take() == [7_000])
  }

  @Test("among more flows than are known, those on one circuit are forgotten first, and none loses a packet")
  func crowd() {
    var bench = OrderBench()
    for flow: UInt16 in 1...4 {
      bench.bring(1_000, on: 1, flow: flow)
      bench.bring(3_000, on: 2, flow: flow)
    }
    for flow: UInt16 in 100...2_000 { bench.bring(1_000, on: 1, flow: flow) }
    #expect(bench.take().count == 4 + 1_901)
    for flow: UInt16 in 1...4 { bench.bring(2_000, on: 1, flow: flow) }
    #expect(bench.take() == [2_000, 3_000, 2_000, 3_000, 2_000, 3_000, 2_000, 3_000])
    for flow: UInt16 in 1...2_000 {
      bench.bring(5_000, on: 3, flow: flow)
      bench.bring(7_000, on: 4, flow: flow)
    }
    bench.pass(.seconds(1))
    #expect(bench.take().count == 4_000)
    #expect(bench.store.lentBytes == 0 && bench.order.memory == 0)
  }

  @Test("flows that were spread once make room for those that are")
  func past() {
    var bench = OrderBench()
    for flow: UInt16 in 1...2_000 {
      bench.bring(3_000, on: 1, flow: flow)
      bench.bring(1_000, on: 2, flow: flow)
    }
    bench.pass(.seconds(2))
    _ = bench.take()
    for flow: UInt16 in 3_000...3_007 {
      bench.bring(1_000, on: 1, flow: flow)
      bench.bring(3_000, on: 2, flow: flow)
    }
    for flow: UInt16 in 3_000...3_007 { bench.bring(2_000, on: 1, flow: flow) }
    let inOrder = (0..<8).map { _ in UInt32(1_000) } + (0..<8).flatMap { _ in [UInt32(2_000), 3_000] }
    #expect(bench.take() == inOrder)
  }

  @Test("more circuits than a peer builds cost order, and no packet")
  func circuits() {
    var bench = OrderBench()
    var count = 0
    for round: UInt32 in 0..<50 {
      for circuit in 1...20 {
        bench.bring(1_000 + round * 40_000 + UInt32(circuit * 7 % 20) * 1_000, on: circuit)
        count += 1
      }
    }
    bench.pass(.seconds(2))
    #expect(bench.take().count == count)
    #expect(bench.store.lentBytes == 0)
  }

  /// A sender that gives each segment of a flow to a circuit of a random delay, of which some drop segments.
  @Test("whatever comes, all of it is delivered once, and in order", arguments: 0..<60)
  func property(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let circuits = Int.random(in: 1...5, using: &random)
    let drops = seed % 3 == 0
    var lines = [[UInt32]](repeating: [], count: circuits)
    let first = UInt32.random(in: 0...UInt32.max, using: &random)
    var sent: [UInt32] = []
    for index: UInt32 in 0..<400 {
      let number = first &+ index * 1_000
      if drops, index >= circuits, Int.random(in: 0..<20, using: &random) == 0 { continue }
      sent.append(number)
      lines[index < circuits ? Int(index) : Int.random(in: 0..<circuits, using: &random)].append(number)
    }
    var bench = OrderBench()
    // A circuit is waited for once it has brought something.
    for circuit in lines.indices where !lines[circuit].isEmpty {
      bench.bring(lines[circuit].removeFirst(), on: circuit + 1)
    }
    // No circuit is so far ahead that what it brings waits for a second, or exceeds the bounds.
    while let line = lines.indices.filter({ !lines[$0].isEmpty }).min(by: { one, other in
      SequenceSpan.distance(from: lines[other][0], to: lines[one][0])
        + Int.random(in: -100_000...100_000, using: &random) < 0
    }) {
      bench.bring(lines[line].removeFirst(), on: line + 1)
      bench.pass(.nanoseconds(10_000))
    }
    bench.pass(.seconds(1))
    let delivered = bench.take()
    let isAsSent = delivered == sent
    #expect(isAsSent)
    if !drops { #expect(bench.out.counters[.orderGivenUp] == 0) }
    #expect(bench.store.lentBytes == 0 && bench.order.memory == 0)
  }
}
