import PacketSamples
import Testing

@testable import OverlayCore

@Suite("A flow that comes on several circuits")
struct ResequencerTests {
  @Test("what runs ahead waits for what another circuit brings", arguments: [1_000, UInt32.max - 1_500])
  func ahead(_ first: UInt32) {
    var bench = OrderBench()
    let number = { (index: UInt32) in first &+ index * 1_000 }
    bench.bring(number(0), on: 1)
    bench.bring(number(2), on: 2)
    bench.bring(number(4), on: 2)
    bench.bring(number(3), on: 3)
    #expect(bench.take() == [number(0)])
    #expect(bench.order.memory == 3 * PacketStore.smallSize)
    bench.bring(number(1), on: 1)
    #expect(bench.take() == (1...4).map(number))
    #expect(bench.order.memory == 0 && bench.store.lentBytes == 0)
    #expect(bench.out.counters[.orderHeld] == 3 && bench.out.counters[.orderGivenUp] == 0)
    bench.bring(number(5), on: 3)
    #expect(bench.take() == [number(5)])
  }

  @Test("what is missing on a single circuit was dropped before it was sent, and is not waited for")
  func single() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    bench.bring(5_000, on: 1)
    bench.bring(2_000, on: 1)
    bench.bring(6_000, on: 1)
    #expect(bench.take() == [1_000, 5_000, 2_000, 6_000])
    #expect(bench.out.counters[.orderHeld] == 0)
  }

  @Test("a gap is given up as soon as every circuit has brought something that was sent later")
  func givenUp() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    bench.bring(2_000, on: 2)
    bench.bring(4_000, on: 1)
    bench.bring(6_000, on: 1)
    #expect(bench.take() == [1_000, 2_000])
    bench.bring(5_000, on: 2)
    #expect(bench.take() == [4_000, 5_000, 6_000])
    #expect(bench.out.counters[.orderGivenUp] == 1)
    // The kernel of the other side sends it again.
    bench.bring(3_000, on: 2)
    bench.bring(7_000, on: 2)
    #expect(bench.take() == [3_000, 7_000])
  }

  @Test("a second gap is waited for when the first is given up")
  func secondGap() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    bench.bring(2_000, on: 2)
    bench.bring(6_000, on: 1)
    bench.bring(4_000, on: 2)
    #expect(bench.take() == [1_000, 2_000, 4_000])
    bench.bring(5_000, on: 2)
    #expect(bench.take() == [5_000, 6_000])
    #expect(bench.out.counters[.orderGivenUp] == 1)
  }

  @Test("no packet waits for longer than a second")
  func patience() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    bench.bring(3_000, on: 2)
    bench.pass(.milliseconds(600))
    bench.bring(5_000, on: 2)
    bench.bring(1_000, on: 1)
    bench.pass(.milliseconds(399))
    #expect(bench.take() == [1_000, 1_000])
    #expect(bench.order.nextDeadline == bench.now + .milliseconds(1))
    bench.pass(.milliseconds(1))
    #expect(bench.take() == [3_000])
    #expect(bench.order.longestHold == .seconds(1))
    bench.pass(.milliseconds(600))
    #expect(bench.take() == [5_000])
    #expect(bench.order.nextDeadline == .distantFuture)
    #expect(bench.out.counters[.orderGivenUp] == 2)
  }

  @Test("what waited for longest takes along what stands before it")
  func overdueBehind() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    bench.bring(9_000, on: 2)
    bench.pass(.milliseconds(500))
    bench.bring(3_000, on: 3)
    bench.bring(1_000, on: 1)
    bench.pass(.milliseconds(500))
    #expect(bench.take() == [1_000, 1_000, 3_000, 9_000])
  }

  @Test("a circuit that was silent for a second is not waited for")
  func silent() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    bench.bring(3_000, on: 2)
    bench.bring(2_000, on: 1)
    bench.pass(.milliseconds(1_001))
    bench.bring(5_000, on: 2)
    #expect(bench.take() == [1_000, 2_000, 3_000, 5_000])
  }

  @Test("what a circuit that is gone has not brought is not waited for")
  func gone() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    bench.bring(3_000, on: 2)
    bench.bring(4_000, on: 3)
    bench.end(1)
    #expect(bench.take() == [1_000, 3_000, 4_000])
    bench.bring(6_000, on: 2)
    bench.end(4)
    #expect(bench.take() == [])
    bench.end(3)
    #expect(bench.take() == [6_000])
  }

  @Test("a circuit that is gone before anything is missing is not waited for either")
  func goneBefore() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    bench.bring(3_000, on: 2)
    bench.bring(2_000, on: 1)
    bench.end(1)
    bench.bring(5_000, on: 2)
    #expect(bench.take() == [1_000, 3_000, 2_000, 5_000].sorted())
    #expect(bench.out.counters[.orderGivenUp] == 0)
  }

  @Test(
    "what was sent again comes behind what was sent before it, whose older clock a kernel would refuse",
    arguments: [1_000, 2_000])
  func clocks(again: UInt32) {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    bench.bring(3_000, on: 2) { $0.options = SamplePacket.TCP.timestamps(50, 9) }
    bench.bring(4_000, on: 2) { $0.options = SamplePacket.TCP.timestamps(51, 9) }
    bench.bring(again, on: 2) { $0.options = SamplePacket.TCP.timestamps(60, 9) }
    #expect(bench.take() == [1_000, 3_000, 4_000, again])
    bench.bring(6_000, on: 2) { $0.options = SamplePacket.TCP.timestamps(61, 9) }
    bench.bring(5_000, on: 1) { $0.options = SamplePacket.TCP.timestamps(60, 9) }
    #expect(bench.take() == [5_000, 6_000])
    bench.bring(8_000, on: 2) { $0.options = SamplePacket.TCP.timestamps(62, 9) }
    bench.bring(11_000, on: 2) { $0.options = SamplePacket.TCP.timestamps(62, 9) }
    bench.bring(9_000, on: 2) { $0.options = SamplePacket.TCP.timestamps(70, 9) }
    #expect(bench.take() == [8_000, 11_000, 9_000])
  }

  @Test("a circuit that a flow has left is not waited for")
  func left() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    let last = UInt32(Resequencer.flowMemory / 1_000 + 50)
    for number: UInt32 in 2...last { bench.bring(number * 1_000, on: 2) }
    _ = bench.take()
    bench.bring((last + 2) * 1_000, on: 2)
    #expect(bench.take() == [(last + 2) * 1_000])
    #expect(bench.out.counters[.orderHeld] == 0)
  }

  @Test("what says where it stands without data waits too, and acknowledgements do not")
  func withoutData() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    bench.bring(3_000, 500, on: 2) { $0.flags |= TCPHeader.Flag.fin }
    bench.bring(3_501, 0, on: 2) { $0.flags = TCPHeader.Flag.reset }
    bench.bring(3_501, 0, on: 2)
    #expect(bench.take() == [1_000, 3_501])
    bench.bring(2_000, on: 1)
    #expect(bench.take() == [2_000, 3_000, 3_501])
  }

  @Test("urgent data and other options stay in their places")
  func urgent() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    bench.bring(3_000, on: 2) { ($0.flags, $0.urgentPointer) = ($0.flags | 0x20, 10) }
    bench.bring(2_000, on: 1) { $0.options = [] }
    #expect(bench.take() == [1_000, 2_000, 3_000])
  }

  @Test("what is repeated passes at once, and what covers a gap in part fills it")
  func repeated() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    bench.bring(3_000, on: 2)
    bench.bring(1_000, on: 2)
    #expect(bench.take() == [1_000, 1_000])
    bench.bring(1_500, 700, on: 1)
    #expect(bench.take() == [1_500])
    bench.bring(2_000, 1_500, on: 1)
    #expect(bench.take() == [2_000, 3_000])
  }

  @Test("what is held and comes again comes twice")
  func heldTwice() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    bench.bring(3_000, on: 2)
    bench.bring(3_000, on: 2)
    bench.bring(2_000, on: 1)
    #expect(bench.take() == [1_000, 2_000, 3_000, 3_000])
    #expect(bench.store.lentBytes == 0)
  }

  @Test(
    "a flow that uses the ports of another one begins anew, behind what waited", arguments: [100_000, 3_000_000_000])
  func samePorts(_ first: UInt32) {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    bench.bring(3_000, on: 2)
    bench.bring(first, 0, on: 1) { $0.flags = TCPHeader.Flag.synchronise }
    #expect(bench.take() == [1_000, 3_000, first])
    bench.bring(first + 1_001, on: 2)
    bench.bring(first + 1, on: 1)
    #expect(bench.take() == [first + 1, first + 1_001])
  }

  @Test("a beginning that comes twice does not set the flow back")
  func lateBeginning() {
    var bench = OrderBench()
    bench.bring(999, 0, on: 1) { $0.flags = TCPHeader.Flag.synchronise }
    bench.bring(1_000, on: 1)
    bench.bring(2_000, on: 2)
    bench.bring(999, 0, on: 1) { $0.flags = TCPHeader.Flag.synchronise }
    bench.bring(3_000, on: 2)
    #expect(bench.take() == [999, 1_000, 2_000, 999, 3_000])
  }

  @Test("numbers that are far away are another flow's")
  func farAway() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    bench.bring(2_000, on: 2)
    bench.bring(100_000_000, on: 1)
    bench.bring(100_002_000, on: 2)
    bench.bring(100_001_000, on: 1)
    #expect(bench.take() == [1_000, 2_000, 100_000_000, 100_001_000, 100_002_000])
  }

  @Test("flows do not wait for each other, and only TCP waits")
  func others() {
    var bench = OrderBench()
    bench.bring(1_000, on: 1)
    bench.bring(3_000, on: 2)
    bench.bring(7_000, on: 1, flow: 2)
    bench.bring(8_000, on: 2, flow: 2)
    #expect(bench.take() == [1_000, 7_000, 8_000])
    bench.bring(SamplePacket.udp([1, 2, 3]).bytes, on: 2)
    #expect(bench.take() == [0])
  }
}
