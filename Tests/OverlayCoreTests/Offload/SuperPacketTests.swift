import OverlayCore
import PacketSamples
import Testing

@Suite("Super-packets of a peer")
struct SuperPacketTests {
  @Test(
    "one that is longer than the interface's MTU is handed out to be cut for that MTU",
    arguments: [1_280, 1_500, 9_000, 65_535])
  func cut(mtu: Int) {
    let packet = SamplePacket.tcp(SamplePacket.payload(65_503)) { $0.flags = 0xd9 }
    var partial = packet
    partial.checksum = .partial
    let sink = join([packet.bytes], egressMTU: mtu)
    #expect(sink.frames == [.init(bytes: partial.bytes, header: packet.offload(size: mtu - 72), runCount: 1)])
    #expect(sink.packets.allSatisfy { $0.count <= mtu })
  }

  @Test("the bits that Accurate ECN uses go along: AE to each segment, CWR to the first", arguments: [UInt8(1), 0xf])
  func reservedBits(_ reserved: UInt8) {
    let packet = SamplePacket.tcp(SamplePacket.payload(9_000)) { tcp in
      tcp.reserved = reserved
      tcp.flags = 0xd8
    }
    #expect(join([packet.bytes]).packets == packet.segments(1_428).map(\.bytes))
  }

  @Test("one that just fits is an ordinary packet")
  func fits() {
    let packet = SamplePacket.tcp(SamplePacket.payload(1_428)).bytes
    #expect(packet.count == 1_500)
    #expect(join([packet]).frames == [.init(bytes: packet, header: .none, runCount: 1)])
    #expect(join([packet], egressMTU: 1_499).packets.map(\.count) == [1_499, 73])
  }

  static let unusual: [(String, @Sendable (inout SamplePacket) -> Void)] = [
    ("a wrong checksum", { $0.checksum = .wrong }), ("SYN", { $0 = $0.changed { $0.flags = 0x12 } }),
    ("RST", { $0 = $0.changed { $0.flags = 0x14 } }), ("URG", { $0 = $0.changed { $0.flags = 0x30 } }),
    ("extension headers", { $0.extensions = SamplePacket.padding }),
    ("UDP", { $0.upper = .udp(source: 1, destination: 2) }), ("ICMPv6", { $0.upper = .other(58) }),
  ]

  @Test("one that cannot be cut is handed out unchanged, and the kernel decides", arguments: unusual)
  func unchanged(what: String, change: @Sendable (inout SamplePacket) -> Void) {
    var packet = SamplePacket.tcp(SamplePacket.payload(20_000))
    change(&packet)
    #expect(join([packet.bytes]).frames == [.init(bytes: packet.bytes, header: .none, runCount: 1)], "\(what)")
  }

  @Test("an MTU that leaves no room for payload changes nothing", arguments: [0, 40, 72])
  func tiny(mtu: Int) {
    let packet = SamplePacket.tcp([1, 2, 3]).bytes
    #expect(join([packet], egressMTU: mtu).frames == [.init(bytes: packet, header: .none, runCount: 1)])
  }

  @Test("it does not overtake the segments before it, nor do those after it")
  func order() {
    let packets = SamplePacket.tcp(SamplePacket.payload(20_000)).segments(1_428)
    var large = packets[3]
    large.payload = packets[3...10].flatMap(\.payload)
    let sink = join((packets[..<3] + [large] + packets[11...]).map(\.bytes))
    #expect(sink.frames.map(\.runCount) == [3, 1, 4])
    #expect(sink.packets == packets.map(\.bytes))
  }

  @Test("when the MTU changes, the next one is cut for the new one")
  func changed() {
    var sink = CollectingSink()
    var joiner = SegmentJoiner()
    let packet = SamplePacket.tcp(SamplePacket.payload(4_000)).bytes
    withBatch(of: [packet, packet]) { bytes in
      _ = joiner.add(bytes, egressMTU: sink.frames.isEmpty ? 1_500 : 1_280, to: &sink)
    } end: {
      _ = joiner.flush(to: &sink)
    }
    #expect(sink.packets.map(\.count) == [1_500, 1_500, 1_216, 1_280, 1_280, 1_280, 448])
  }
}
