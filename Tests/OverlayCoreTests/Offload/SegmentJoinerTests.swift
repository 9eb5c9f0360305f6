import OverlayCore
import PacketSamples
import Testing

@Suite("Joining segments")
struct SegmentJoinerTests {
  static let size = 1_428

  /// A stream of `count` bytes in segments as a peer sends them.
  static func stream(
    _ count: Int, size: Int = size, _ change: (inout SamplePacket.TCP) -> Void = { _ in }
  ) -> [SamplePacket] {
    SamplePacket.tcp(SamplePacket.payload(count), change).segments(size)
  }

  private func sizes(_ sink: CollectingSink) -> [Int] { sink.frames.map(\.runCount) }

  @Test("consecutive segments become one frame, which says how to cut it", arguments: [2, 3, 45])
  func joined(count: Int) {
    let whole = SamplePacket.tcp(SamplePacket.payload(count * SegmentJoinerTests.size - 5)) { $0.flags = 0x18 }
    let sink = join(whole.segments(SegmentJoinerTests.size).map(\.bytes))
    var partial = whole
    partial.checksum = .partial
    #expect(
      sink.frames == [
        .init(bytes: partial.bytes, header: whole.offload(size: SegmentJoinerTests.size), runCount: count)
      ])
  }

  @Test("a packet on its own goes out as it came")
  func alone() {
    let packet = SamplePacket.tcp([1, 2, 3]).bytes
    #expect(join([packet]).frames == [.init(bytes: packet, header: .none, runCount: 1)])
  }

  @Test("64 segments at most are joined, and as many bytes as a length field can tell")
  func limits() {
    #expect(sizes(join(SegmentJoinerTests.stream(130 * 10, size: 10).map(\.bytes))) == [64, 64, 2])
    #expect(sizes(join(SegmentJoinerTests.stream(50 * 1_428).map(\.bytes))) == [45, 5])
    // The longest that can be: 65,503 bytes of payload behind 72 of headers.
    #expect(sizes(join(SegmentJoinerTests.stream(65_503).map(\.bytes))) == [46])
    #expect(sizes(join(SegmentJoinerTests.stream(65_504).map(\.bytes))) == [45, 1])
  }

  @Test("sequence numbers go round")
  func wrap() {
    let packets = SegmentJoinerTests.stream(5_000) { $0.sequence = 0xffff_ff00 }
    #expect(sizes(join(packets.map(\.bytes))) == [4])
  }

  @Test("PSH and a shorter segment close a frame")
  func closed() {
    var packets = SegmentJoinerTests.stream(7 * 1_428)
    packets[2] = packets[2].changed { $0.flags = 0x18 }
    #expect(sizes(join(packets.map(\.bytes))) == [3, 4])
    let short = SegmentJoinerTests.stream(2 * 1_428 + 100)
    let next = SamplePacket.tcp(SamplePacket.payload(2 * 1_428)) { $0.sequence += 2 * 1_428 + 100 }
    #expect(sizes(join((short + next.segments(1_428)).map(\.bytes))) == [3, 2])
  }

  static let changes: [(String, @Sendable (inout SamplePacket) -> Void)] = [
    ("a wrong checksum", { $0.checksum = .wrong }),
    ("a gap", { $0 = $0.changed { $0.sequence += 1 } }),
    ("another acknowledgement", { $0 = $0.changed { $0.acknowledgement += 1 } }),
    ("another window", { $0 = $0.changed { $0.window += 1 } }),
    ("another timestamp", { $0 = $0.changed { $0.options = SamplePacket.TCP.timestamps(8, 9) } }),
    ("other options", { $0 = $0.changed { $0.options = [] } }),
    ("an urgent pointer", { $0 = $0.changed { $0.urgentPointer = 1 } }),
    ("reserved bits", { $0 = $0.changed { $0.reserved = 1 } }),
    ("another traffic class", { $0.trafficClass = 3 }),
    ("another flow label", { $0.flowLabel += 1 }),
    ("another hop limit", { $0.hopLimit -= 1 }),
    ("a longer payload", { $0.payload += [1] }),
    ("no payload", { $0.payload = [] }),
    ("FIN", { $0 = $0.changed { $0.flags = 0x11 } }),
    ("SYN", { $0 = $0.changed { $0.flags = 0x12 } }),
    ("RST", { $0 = $0.changed { $0.flags = 0x14 } }),
    ("URG", { $0 = $0.changed { $0.flags = 0x30 } }),
    ("ECE", { $0 = $0.changed { $0.flags = 0x50 } }),
    ("CWR", { $0 = $0.changed { $0.flags = 0x90 } }),
    ("no ACK", { $0 = $0.changed { $0.flags = 0 } }),
    ("extension headers", { $0.extensions = SamplePacket.padding }),
    ("a fragment", { $0.extensions = [(44, [0, 0, 1, 0, 0, 0, 9])] }),
  ]

  @Test("a segment with anything unusual stays on its own, behind what came before it", arguments: changes)
  func unusual(what: String, change: @Sendable (inout SamplePacket) -> Void) {
    var packets = SegmentJoinerTests.stream(6 * 1_428)
    change(&packets[3])
    let bytes = packets.map(\.bytes)
    let sink = join(bytes, egressMTU: 1_600)
    #expect(sink.packets == bytes, "\(what)")
    #expect(sink.frames.contains(.init(bytes: bytes[3], header: .none, runCount: 1)), "\(what)")
    #expect(sizes(sink) == [3, 1, 2], "\(what)")
  }

  @Test("what only one segment does not have in common with the others is common to a later frame")
  func changedForGood() {
    let before = SegmentJoinerTests.stream(3 * 1_428)
    let after = SegmentJoinerTests.stream(3 * 1_428) { tcp in
      tcp.sequence += 3 * 1_428
      tcp.options = SamplePacket.TCP.timestamps(8, 9)
    }
    #expect(sizes(join((before + after).map(\.bytes))) == [3, 3])
  }

  @Test("segments with reserved bits are not joined, alike or not", arguments: [[1, 1, 1], [0, 1, 2], [8, 0, 8]])
  func reservedBits(_ reserved: [UInt8]) {
    let bytes = zip(SegmentJoinerTests.stream(3 * 1_428), reserved).map { segment, bits in
      segment.changed { $0.reserved = bits }.bytes
    }
    let sink = join(bytes)
    #expect(sink.packets == bytes)
    #expect(sizes(sink) == [1, 1, 1])
  }

  @Test("other flows, UDP and ICMPv6 in between do not disturb")
  func interleaved() {
    let one = SegmentJoinerTests.stream(3 * 1_428).map(\.bytes)
    let two = SegmentJoinerTests.stream(3 * 1_428) { $0.sourcePort = 2 }.map(\.bytes)
    let others = [SamplePacket.udp([1]), SamplePacket(.other(58), payload: [128, 0, 0, 0])].map(\.bytes)
    let sink = join([one[0], two[0], others[0], one[1], two[1], others[1], one[2], two[2]])
    #expect(sink.frames.map(\.runCount) == [1, 1, 3, 3])
    #expect(sink.packets == others + one + two)
  }

  @Test("what may be of the flow but cannot be read does not overtake it", arguments: [UInt8(6), 44, 50, 60])
  func unreadable(protocolNumber: UInt8) {
    let stream = SegmentJoinerTests.stream(2 * 1_428).map(\.bytes)
    let other = SamplePacket(.other(protocolNumber), payload: [1, 2, 3, 4]).bytes
    #expect(join([stream[0], stream[1], other]).packets == stream + [other])
    var elsewhere = SamplePacket(.other(protocolNumber), payload: [1, 2, 3, 4])
    elsewhere.source.low = 99
    #expect(join([stream[0], elsewhere.bytes, stream[1]]).frames.map(\.runCount) == [1, 2])
  }

  @Test("the ninth flow makes the first one go")
  func flows() {
    let flows = (0..<9).map { index in
      SegmentJoinerTests.stream(2 * 1_428) { $0.sourcePort = UInt16(index) }.map(\.bytes)
    }
    let sink = join(flows.map { $0[0] } + flows.map { $0[1] })
    // The second segment of the first flow drives out the second flow, and so on.
    #expect(sink.frames.count == 18)
    #expect(join(flows.dropLast().map { $0[0] } + flows.dropLast().map { $0[1] }).frames.count == 8)
    for index in 0..<9 { #expect(sink.packets.filter { flows[index].contains($0) } == flows[index]) }
  }

  @Test("it can be used again after a flush, and hands out nothing twice")
  func again() {
    let packets = SegmentJoinerTests.stream(4 * 1_428).map(\.bytes)
    var sink = CollectingSink()
    var joiner = SegmentJoiner()
    for batch in [packets[..<2], packets[2...]] {
      withBatch(of: Array(batch)) { packet in
        #expect(joiner.add(packet, egressMTU: 1_500, to: &sink) == 0)
      } end: {
        #expect(joiner.flush(to: &sink) == 0)
        #expect(joiner.flush(to: &sink) == 0)
      }
    }
    #expect(sizes(sink) == [2, 2])
    #expect(sink.packets == packets)
  }

  @Test("packets that the device refuses are counted one by one")
  func refused() {
    let packets = SegmentJoinerTests.stream(3 * 1_428).map(\.bytes) + [SamplePacket.udp([1]).bytes]
    var sink = CollectingSink(isRefusing: true)
    var joiner = SegmentJoiner()
    var count = 0
    withBatch(of: packets) { packet in
      count += joiner.add(packet, egressMTU: 1_500, to: &sink)
    } end: {
      count += joiner.flush(to: &sink)
    }
    #expect(count == 4)
  }
}

extension SamplePacket {
  /// The segment with another TCP header.
  func changed(_ change: (inout TCP) -> Void) -> SamplePacket {
    guard case .tcp(var tcp) = upper else { return self }
    change(&tcp)
    var copy = self
    copy.upper = .tcp(tcp)
    return copy
  }
}
