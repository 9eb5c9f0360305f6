import PacketSamples
import Testing

@testable import OverlayCore

@Suite("Flow of a packet")
struct PacketFlowTests {
  private static func hash(_ packet: SamplePacket) -> UInt32 {
    packet.bytes.withUnsafeBytes { PacketView(reading: $0)?.flow ?? 0 }
  }

  private static func hash(_ packet: [UInt8]) -> UInt32? { packet.withUnsafeBytes { PacketView(reading: $0)?.flow } }

  private static func changed(_ packet: SamplePacket, _ change: (inout SamplePacket) -> Void) -> SamplePacket {
    var packet = packet
    change(&packet)
    return packet
  }

  /// An echo message.
  private static func echo(_ identifier: UInt8, sequence: UInt8, type: UInt8 = 128) -> SamplePacket {
    SamplePacket(.other(58), payload: [type, 0, 9, sequence, 0x12, identifier, 0, sequence])
  }

  @Test("packets of one flow have one hash, whatever else they say")
  func same() {
    let tcp = SamplePacket.tcp([1])
    let others = [
      SamplePacket.tcp(SamplePacket.payload(1_400)) {
        $0.sequence = 5
        $0.acknowledgement = 6
        $0.flags = 0x18
        $0.window = 7
        $0.options = []
      },
      Self.changed(tcp) { $0.trafficClass = 3 },
      Self.changed(tcp) { $0.hopLimit = 1 },
      Self.changed(tcp) { $0.flowLabel = 0 },
      Self.changed(tcp) { $0.checksum = .partial },
    ]
    for other in others { #expect(Self.hash(other) == Self.hash(tcp)) }
    #expect(Self.hash(.udp([])) == Self.hash(.udp(SamplePacket.payload(1_000))))
    #expect(Self.hash(Self.echo(1, sequence: 1)) == Self.hash(Self.echo(1, sequence: 2)))
  }

  @Test("another address, port, protocol or echo identifier is another flow")
  func different() {
    let low = UInt64(0x1234_5678_9abc_def0)
    var packets: [SamplePacket] = [
      .tcp([1]), .tcp([1]) { $0.sourcePort += 1 }, .tcp([1]) { $0.destinationPort += 1 },
      .tcp([1]) { ($0.sourcePort, $0.destinationPort) = ($0.destinationPort, $0.sourcePort) },
      SamplePacket(.udp(source: 40_000, destination: 80), payload: [1]),
      SamplePacket(.udp(source: 40_001, destination: 80), payload: [1]),
      Self.echo(1, sequence: 1), Self.echo(2, sequence: 1), Self.echo(1, sequence: 1, type: 129),
    ]
    for bit in [0, 7, 8, 31, 32, 63] as [UInt64] {
      packets.append(Self.changed(.tcp([1])) { $0.destination.low = low ^ 1 << bit })
      packets.append(Self.changed(.tcp([1])) { $0.source.low = low ^ 1 << bit })
    }
    packets.append(Self.changed(.tcp([1])) { swap(&$0.source, &$0.destination) })
    #expect(Set(packets.map(Self.hash)).count == packets.count)
  }

  @Test("where no ports are to be seen the flow label tells flows apart")
  func flowLabel() {
    let fragment: (number: UInt8, rest: [UInt8]) = (44, [0, 0, 1, 0, 0, 0, 7])
    let templates = [
      SamplePacket(.other(89), payload: [1, 2, 3, 4, 5, 6, 7, 8]), SamplePacket(.other(59), payload: []),
      Self.changed(.tcp([1])) { $0.extensions = SamplePacket.padding },
      Self.changed(.udp([1])) { $0.extensions = [fragment] },
      // Too short for the headers that they announce.
      SamplePacket(.other(6), payload: [1, 2, 3, 4]), SamplePacket(.other(17), payload: [1, 2, 3, 4]),
      SamplePacket(.other(58), payload: [1, 2, 3, 4]),
    ]
    for template in templates {
      let first = Self.changed(template) { $0.flowLabel = 0x80001 }
      let marked = Self.changed(first) { $0.trafficClass = 0xff }
      let longer = Self.changed(first) { if case .tcp = $0.upper { $0.payload += [1, 2, 3] } }
      let other = Self.changed(template) { $0.flowLabel = 0x80002 }
      #expect(Self.hash(first) == Self.hash(marked))
      #expect(Self.hash(first) == Self.hash(longer))
      #expect(Self.hash(first) != Self.hash(other))
    }
  }

  @Test("all fragments of a packet are of one flow")
  func fragments() {
    let payload = SamplePacket.payload(64)
    let hashes = [0, 8, 16].map { offset in
      Self.hash(
        Self.changed(SamplePacket(.other(17), payload: Array(payload[(offset * 2)...]))) {
          $0.extensions = [(44, [0, 0, UInt8(offset) << 3 | 1, 0, 0, 0, 7])]
        })
    }
    #expect(Set(hashes).count == 1)
  }

  @Test("flows of neighbouring ports spread over all queues")
  func spread() {
    var counts = [Int](repeating: 0, count: FlowQueue.flowCount)
    for port in 40_000..<(40_000 + UInt16(64 * FlowQueue.flowCount)) {
      counts[Int(Self.hash(.tcp([]) { $0.sourcePort = port })) % FlowQueue.flowCount] += 1
    }
    // 64 on average, with a standard deviation of 8.
    #expect(counts.allSatisfy { (24...104).contains($0) })
  }
}
