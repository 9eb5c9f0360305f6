import OverlayCore
import PacketSamples
import Testing

@Suite("Splitting a super-packet")
struct SegmentSplitterTests {
  static let flagSets: [(String, UInt8)] = [
    ("ACK", 0x10), ("PSH", 0x18), ("FIN and PSH", 0x19), ("CWR and ECE", 0xd8), ("URG", 0x30), ("SYN", 0x02),
    ("all", 0xff),
  ]

  @Test("flags are those that the kernel gives to each segment", arguments: flagSets)
  func flags(name: String, flags: UInt8) {
    let packet = SamplePacket.tcp(SamplePacket.payload(5_000)) { tcp in
      tcp.flags = flags
      tcp.urgentPointer = 3
      tcp.reserved = 1
    }
    #expect(split(packet, size: 1_428) == packet.segments(1_428).map(\.bytes))
  }

  static let sizes: [(Int, Int)] =
    [1, 2, 3, 100].map { ($0, 1) } + [6, 7, 8, 1_427].map { ($0, 7) }
    + [1_427, 1_428, 1_429, 2_856, 2_857, 40_001, 65_503].flatMap { [($0, 536), ($0, 1_428), ($0, 65_535)] }

  @Test("every payload size is cut right, odd ones too", arguments: sizes)
  func payloadSizes(count: Int, size: Int) {
    let tcp = SamplePacket.tcp(SamplePacket.payload(count)) { $0.sequence = 0xffff_fff0 }
    #expect(split(tcp, size: size) == tcp.segments(size).map(\.bytes))
    let udp = SamplePacket.udp(SamplePacket.payload(count))
    #expect(split(udp, size: size) == udp.segments(size).map(\.bytes))
  }

  @Test("options are copied", arguments: [0, 4, 12, 40])
  func options(count: Int) {
    let packet = SamplePacket.tcp(SamplePacket.payload(4_001)) { $0.options = SamplePacket.payload(count, seed: 5) }
    #expect(split(packet, size: 1_000) == packet.segments(1_000).map(\.bytes))
  }

  @Test("extension headers, traffic class and flow label are copied")
  func extensions() {
    for var packet in [SamplePacket.tcp(SamplePacket.payload(3_000)), .udp(SamplePacket.payload(3_000))] {
      packet.extensions = SamplePacket.padding
      packet.trafficClass = 0xb9
      packet.flowLabel = 0xfffff
      #expect(split(packet, size: 1_111) == packet.segments(1_111).map(\.bytes))
    }
  }

  @Test("a UDP checksum that comes out as zero is sent as 0xffff")
  func zeroChecksum() {
    let field = SamplePacket.udp([0, 0]).bytes[46..<48]
    let packet = SamplePacket.udp(Array(field) + Array(field) + [9])
    let packets = split(packet, size: 2)
    #expect(packets == packet.segments(2).map(\.bytes))
    #expect(packets?.first.map { Array($0[46..<48]) } == [0xff, 0xff])
  }

  @Test("a packet without payload is one packet")
  func empty() {
    #expect(split(.tcp([]), size: 100) == [SamplePacket.tcp([]).bytes])
  }

  @Test("a packet that does not fit is not made, and can be made later")
  func small() throws {
    let packet = SamplePacket.tcp(SamplePacket.payload(1_500))
    var partial = packet
    partial.checksum = .partial
    partial.bytes.withUnsafeBytes { bytes in
      var splitter = PacketView(reading: bytes).flatMap { SegmentSplitter($0, header: partial.offload(size: 1_000)) }
      withUnsafeTemporaryAllocation(byteCount: 1_072, alignment: 1) { buffer in
        #expect(splitter?.nextLength == 1_072)
        #expect(splitter?.next(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<1_071])) == 0)
        #expect(splitter?.next(into: buffer) == 1_072)
        #expect(splitter?.nextLength == 572)
        #expect(splitter?.next(into: buffer) == 572)
        #expect(splitter?.nextLength == nil)
        #expect(splitter?.next(into: buffer) == 0)
      }
    }
  }

  typealias Segmentation = OffloadHeader.Segmentation
  static let refusals: [(String, Segmentation, OffloadHeader.Checksum?, Int)] = [
    ("nothing to be done", .none, .init(start: 40, offset: 16), 0),
    ("no checksum", .tcp(size: 9, hasECN: false), nil, 0),
    ("segments of nothing", .tcp(size: 0, hasECN: false), .init(start: 40, offset: 16), 0),
    ("another field", .tcp(size: 9, hasECN: false), .init(start: 40, offset: 6), 0),
    ("another field", .udp(size: 9), .init(start: 40, offset: 16), 0),
    ("a header within the IPv6 header", .tcp(size: 9, hasECN: false), .init(start: 39, offset: 16), 0),
    ("a header within the IPv6 header", .udp(size: 9), .init(start: 0, offset: 6), 0),
    ("a header that is cut off", .tcp(size: 9, hasECN: false), .init(start: 153, offset: 16), 0),
    ("a header outside", .tcp(size: 9, hasECN: false), .init(start: 65_535, offset: 16), 0),
    ("a header that is cut off", .udp(size: 9), .init(start: 165, offset: 6), 0),
    ("a length that is not the packet's", .tcp(size: 9, hasECN: false), .init(start: 40, offset: 16), 1),
  ]

  @Test("what is no super-packet is refused", arguments: refusals)
  func refused(what: String, segmentation: Segmentation, checksum: OffloadHeader.Checksum?, surplus: Int) {
    // 172 bytes.
    let bytes = SamplePacket.tcp(SamplePacket.payload(100)).bytes + [UInt8](repeating: 0, count: surplus)
    let header = OffloadHeader(segmentation: segmentation, checksum: checksum)
    #expect(bytes.withUnsafeBytes { packets(of: $0, header) } == nil)
  }

  @Test("a TCP header whose own length is impossible is refused", arguments: [UInt8(0), 0x40, 0xf0])
  func dataOffset(byte: UInt8) {
    var bytes = SamplePacket.tcp([1, 2]).bytes
    bytes[52] = byte
    let header = SamplePacket.tcp([]).offload(size: 1)
    #expect(bytes.withUnsafeBytes { packets(of: $0, header) } == nil)
  }

  @Test("no bytes whatever make it read or write outside")
  func random() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2_000 {
      var bytes = (0..<Int.random(in: 0...300)).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
      if bytes.count >= 40 {
        bytes[0] = 0x60
        bytes.replaceSubrange(4..<6, with: [UInt8((bytes.count - 40) >> 8), UInt8((bytes.count - 40) & 0xff)])
      }
      let size = UInt16.random(in: 0...50)
      let isTCP = Bool.random()
      let header = OffloadHeader(
        segmentation: isTCP ? .tcp(size: size, hasECN: false) : .udp(size: size),
        checksum: .init(start: UInt16.random(in: 0...310), offset: isTCP ? 16 : 6))
      let total = bytes.withUnsafeBytes { packets(of: $0, header)?.reduce(0) { $0 + $1.count } }
      if let total { #expect(total >= bytes.count) }
    }
  }
}
