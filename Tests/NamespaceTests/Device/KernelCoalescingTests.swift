import OverlayCore
import OverlayIO
import PacketSamples
import Testing

/// What this program joins, the kernel joins too, and takes apart again to the same packets.
@Suite("Joined segments and the kernel")
struct KernelCoalescingTests {
  private static func stream(
    _ count: Int, size: Int = 1_428, _ change: (inout SamplePacket.TCP) -> Void = { _ in }
  ) -> [SamplePacket] {
    var packet = SamplePacket.tcp(SamplePacket.payload(count), change)
    packet.destination = KernelRouter.destination
    return packet.segments(size)
  }

  /// A stream with one segment that is not like the others.
  private static func odd(_ change: (inout SamplePacket) -> Void) -> [SamplePacket] {
    var packets = stream(7 * 1_428)
    change(&packets[3])
    return packets
  }

  static let streams: [(String, [SamplePacket])] = [
    ("plain", stream(10 * 1_428)), ("the last is shorter, with PSH", stream(9_999) { $0.flags = 0x18 }),
    ("more than one frame can hold", stream(60 * 1_428)), ("odd sizes", stream(7_007, size: 1_001)),
    ("no options", stream(9_000) { $0.options = [] }),
    ("PSH in between", odd { if case .tcp(var tcp) = $0.upper { tcp.flags = 0x18; $0.upper = .tcp(tcp) } }),
    ("ECE", odd { if case .tcp(var tcp) = $0.upper { tcp.flags = 0x50; $0.upper = .tcp(tcp) } }),
    ("AE", odd { if case .tcp(var tcp) = $0.upper { tcp.reserved = 1; $0.upper = .tcp(tcp) } }),
    ("congestion met on the way", odd { $0.trafficClass = 3 }),
    ("a shorter one in between", odd { $0.payload = Array($0.payload.prefix(1_001)) }),
    (
      "extension headers",
      odd {
        $0.extensions = SamplePacket.padding; $0.payload.removeLast(40)
      }
    ),
  ]

  private static let damaged = odd { $0.checksum = .wrong }

  /// Where the kernel does otherwise: it joins FIN too, and lets a damaged segment overtake those before it.
  static let ownWays: [(String, [SamplePacket])] = [
    ("FIN", stream(5_000) { $0.flags = 0x19 }), ("a wrong checksum", damaged),
  ]

  @Test("a joined frame leaves the kernel as the packets that it was joined of", arguments: streams + ownWays)
  func takenApart(name: String, packets: [SamplePacket]) throws {
    let router = try KernelRouter()
    let bytes = packets.map(\.bytes)
    let sink = join(bytes)
    #expect(sink.frames.count < bytes.count, "\(name)")
    for frame in sink.frames { #expect(router.write(frame.bytes, frame.header) == .written) }
    #expect(router.received(bytes.count).map(\.bytes) == bytes.map(\.forwarded), "\(name)")
  }

  @Test("a frame is written in as many runs as it was joined of")
  func runs() throws {
    let router = try KernelRouter()
    let packets = KernelCoalescingTests.stream(64 * 100, size: 100).map(\.bytes)
    var sink = WritingSink(router)
    var joiner = SegmentJoiner()
    withBatch(of: packets) { packet in
      #expect(joiner.add(packet, egressMTU: 1_500, to: &sink) == 0)
    } end: {
      #expect(joiner.flush(to: &sink) == 0)
    }
    #expect(sink.runCounts == [64])
    #expect(router.received(packets.count).map(\.bytes) == packets.map(\.forwarded))
  }

  @Test(
    "a super-packet of a peer leaves the kernel in packets of the interface's MTU, reserved bits in each",
    arguments: [1_280, 1_500], [UInt8(0), 1, 0xf])
  func superPacket(mtu: Int, reserved: UInt8) throws {
    let router = try KernelRouter()
    try router.namespace.ip("link", "set", "back0", "mtu", "\(mtu)")
    let packet = KernelCoalescingTests.stream(60_001, size: 65_000) { $0.reserved = reserved }[0]
    for frame in join([packet.bytes], egressMTU: mtu).frames {
      #expect(router.write(frame.bytes, frame.header) == .written)
    }
    let expected = packet.segments(mtu - 72).map(\.bytes.forwarded)
    #expect(router.received(expected.count).map(\.bytes) == expected)
  }

  @Test("the kernel's own GRO makes the same frames", arguments: streams)
  func coalesced(name: String, packets: [SamplePacket]) throws {
    let bytes = packets.map(\.bytes)
    let expected = join(bytes).frames.map { Frame(header: $0.header, bytes: $0.bytes.forwarded) }
    #expect(try frames(of: bytes, count: expected.count) { $0 == expected } == expected, "\(name)")
  }

  @Test("of a damaged segment and its neighbours the kernel's own GRO makes the same frames, in another order")
  func damaged() throws {
    let bytes = KernelCoalescingTests.damaged.map(\.bytes)
    let expected = join(bytes).frames.map { Frame(header: $0.header, bytes: $0.bytes.forwarded) }
    let frames = try frames(of: bytes, count: 3) { $0.count == 3 }
    #expect(frames.count == 3)
    #expect(expected.allSatisfy(frames.contains))
  }

  private struct Frame: Equatable {
    let header: OffloadHeader
    let bytes: [UInt8]
  }

  /// What GRO makes of the packets. It hands out what it holds when a tick of the clock falls between two of them, as
  /// it well may: then they are sent again, some times, when all that it made of them has left.
  private func frames(
    of packets: [[UInt8]], count: Int, where isAsExpected: ([Frame]) -> Bool
  ) throws -> [Frame] {
    let router = try KernelRouter(backOffload: true, coalescing: true)
    var frames: [Frame] = []
    for _ in 0..<100 {
      let areWritten = packets.allSatisfy { router.write($0) == .written }
      #expect(areWritten)
      frames = router.received(count, waiting: 200).map { Frame(header: $0.header, bytes: $0.bytes) }
      if isAsExpected(frames) { break }
      while !router.received(1, waiting: 100).isEmpty {}
    }
    return frames
  }
}

/// Writes into a router's front tunnel.
private struct WritingSink: PacketSink {
  let router: KernelRouter
  var runCounts: [Int] = []

  init(_ router: KernelRouter) {
    self.router = router
  }

  mutating func deliver(_ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader) -> Bool {
    runCounts.append(runs.count)
    return router.front.write(runs, header) == .written
  }
}
