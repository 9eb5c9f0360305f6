import OverlayCore
import PacketSamples
import Testing

@Suite("Completing a checksum")
struct ChecksumCompletionTests {
  static let packets: [SamplePacket] = (0..<12).flatMap { index -> [SamplePacket] in
    let payload = SamplePacket.payload(index * 131, seed: index)
    var extended = SamplePacket.udp(payload)
    extended.extensions = SamplePacket.padding
    return [.tcp(payload), .udp(payload), extended]
  }

  private func complete(_ packet: SamplePacket, offset: Int) -> [UInt8]? {
    var left = packet
    left.checksum = .partial
    var bytes = left.bytes
    let place = OffloadHeader.Checksum(start: UInt16(packet.upperStart), offset: UInt16(offset))
    let isDone = bytes.withUnsafeMutableBytes { ChecksumCompletion.complete(place, in: $0) }
    return isDone ? bytes : nil
  }

  @Test("the packet is as if its sender had made the checksum", arguments: packets)
  func complete(packet: SamplePacket) {
    let isUDP = if case .udp = packet.upper { true } else { false }
    #expect(complete(packet, offset: isUDP ? 6 : 16) == packet.bytes)
  }

  @Test("a UDP checksum that comes out as zero is sent as 0xffff")
  func zero() {
    var packet = SamplePacket.udp([0, 0])
    let field = packet.bytes[46..<48]
    // What the checksum is without these two bytes makes it zero with them.
    packet.payload = Array(field)
    #expect(packet.bytes[46..<48] == [0xff, 0xff])
    #expect(complete(packet, offset: 6) == packet.bytes)
  }

  @Test(
    "a field outside of the packet is refused, and nothing is changed",
    arguments: [(98, 1), (40, 59), (100, 0), (101, 0), (65_535, 65_535), (0, 99)])
  func outside(start: UInt16, offset: UInt16) {
    let bytes = [UInt8](repeating: 0x60, count: 100)
    var copy = bytes
    let place = OffloadHeader.Checksum(start: start, offset: offset)
    #expect(!copy.withUnsafeMutableBytes { ChecksumCompletion.complete(place, in: $0) })
    #expect(copy == bytes)
  }

  private static func extended(_ number: UInt8, _ rest: [UInt8]) -> SamplePacket {
    var packet = SamplePacket.udp([1, 2, 3, 4])
    packet.extensions = [(number, rest)]
    return packet
  }

  /// A packet, what its frame says of it, and whether that is what a kernel says.
  private static let claims: [(String, SamplePacket, OffloadHeader, Bool)] = [
    ("UDP's", .udp([1]), .init(segmentation: .none, checksum: .init(start: 40, offset: 6)), true),
    ("TCP's", .tcp([1]), .init(segmentation: .none, checksum: .init(start: 40, offset: 16)), true),
    (
      "ICMPv6's", SamplePacket(.other(58), payload: [128, 0, 0, 0, 0, 0, 0, 0]),
      .init(segmentation: .none, checksum: .init(start: 40, offset: 2)), true
    ),
    (
      "UDP's behind options", extended(60, SamplePacket.padding[0].rest),
      .init(segmentation: .none, checksum: .init(start: 48, offset: 6)), true
    ),
    ("the payload length", .udp([1]), .init(segmentation: .none, checksum: .init(start: 2, offset: 2)), false),
    ("the length from the start", .udp([1]), .init(segmentation: .none, checksum: .init(start: 0, offset: 4)), false),
    ("the next header", .udp([1]), .init(segmentation: .none, checksum: .init(start: 0, offset: 6)), false),
    ("the source", .udp([1]), .init(segmentation: .none, checksum: .init(start: 8, offset: 0)), false),
    ("the destination", .udp([1]), .init(segmentation: .none, checksum: .init(start: 8, offset: 16)), false),
    (
      "TCP's field in UDP", .udp([UInt8](repeating: 0, count: 30)),
      .init(segmentation: .none, checksum: .init(start: 40, offset: 16)), false
    ),
    ("UDP's field in TCP", .tcp([1]), .init(segmentation: .none, checksum: .init(start: 40, offset: 6)), false),
    (
      "the payload's", .tcp([UInt8](repeating: 0, count: 60)),
      .init(segmentation: .none, checksum: .init(start: 72, offset: 16)), false
    ),
    (
      "a fragment's", extended(44, [0, 0, 1, 0, 0, 0, 7]),
      .init(segmentation: .none, checksum: .init(start: 48, offset: 6)), false
    ),
    (
      "another protocol's", SamplePacket(.other(132), payload: [UInt8](repeating: 0, count: 20)),
      .init(segmentation: .none, checksum: .init(start: 40, offset: 8)), false
    ),
    ("a cut without a checksum", .tcp([1]), .init(segmentation: .tcp(size: 8, hasECN: false), checksum: nil), false),
    (
      "TCP's to be cut after 8 bytes", .tcp([UInt8](repeating: 0, count: 60)),
      .init(segmentation: .tcp(size: 8, hasECN: false), checksum: .init(start: 40, offset: 16)), true
    ),
    (
      "TCP's to be cut after 7 bytes", .tcp([UInt8](repeating: 0, count: 60)),
      .init(segmentation: .tcp(size: 7, hasECN: false), checksum: .init(start: 40, offset: 16)), false
    ),
    (
      "TCP's to be cut as UDP", .tcp([UInt8](repeating: 0, count: 60)),
      .init(segmentation: .udp(size: 20), checksum: .init(start: 40, offset: 16)), false
    ),
    (
      "128 datagrams", .udp([UInt8](repeating: 0, count: 1_280)),
      .init(segmentation: .udp(size: 10), checksum: .init(start: 40, offset: 6)), true
    ),
    (
      "129 datagrams", .udp([UInt8](repeating: 0, count: 1_281)),
      .init(segmentation: .udp(size: 10), checksum: .init(start: 40, offset: 6)), false
    ),
    (
      "datagrams of nothing", .udp([1]),
      .init(segmentation: .udp(size: 0), checksum: .init(start: 40, offset: 6)), false
    ),
  ]

  @Test("only what a kernel says of a packet is believed, and nothing else changes the packet", arguments: claims)
  func prepare(name: String, packet: SamplePacket, offload: OffloadHeader, isBelieved: Bool) {
    var left = packet
    left.checksum = .partial
    let before = left.bytes
    var bytes = before
    let rest = bytes.withUnsafeMutableBytes { PacketView($0).flatMap { ChecksumCompletion.prepare($0, offload) } }
    guard isBelieved else {
      #expect(rest == nil)
      #expect(bytes == before)
      return
    }
    let isCut = offload.segmentation != .none
    #expect(rest == (isCut ? offload : OffloadHeader.none))
    if case .other = packet.upper { return }
    #expect(bytes == (isCut ? before : packet.bytes))
  }
}
