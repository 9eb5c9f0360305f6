import OverlayCore
import PacketSamples
import Testing

@Suite("Offload header")
struct OffloadHeaderTests {
  static let place = OffloadHeader.Checksum(start: 40, offset: 16)
  static let headers: [(OffloadHeader, UInt16, [UInt16])] = [
    (.none, 0, [0x0000, 0, 0, 0, 0]),
    (OffloadHeader(segmentation: .none, checksum: .init(start: 48, offset: 6)), 0, [0x0001, 0, 0, 48, 6]),
    (
      OffloadHeader(segmentation: .tcp(size: 1_428, hasECN: false), checksum: place), 72,
      [0x0401, 72, 1_428, 40, 16]
    ),
    (
      OffloadHeader(segmentation: .tcp(size: 65_535, hasECN: true), checksum: place), 60,
      [0x8401, 60, 65_535, 40, 16]
    ),
    (
      OffloadHeader(segmentation: .udp(size: 1_200), checksum: .init(start: 40, offset: 6)), 48,
      [0x0501, 48, 1_200, 40, 6]
    ),
  ]

  /// The header's words, of which the kernel reads the first as two bytes.
  private func bytes(_ words: [UInt16]) -> [UInt8] {
    let first = [UInt8(words[0] & 0xff), UInt8(words[0] >> 8)]
    return first + words.dropFirst().flatMap { withUnsafeBytes(of: $0) { Array($0) } }
  }

  @Test("it is written and read as the kernel lays it out", arguments: headers)
  func layout(header: OffloadHeader, headerLength: UInt16, words: [UInt16]) {
    var frame = [UInt8](repeating: 0xee, count: OffloadHeader.size + 1)
    frame.withUnsafeMutableBytes { header.store(into: $0, headerLength: headerLength) }
    #expect(frame == bytes(words) + [0xee])
    #expect(frame.withUnsafeBytes { OffloadHeader(loading: $0) } == header)
  }

  @Test("one that is cut off, or of a kind that is never asked for, is none", arguments: [1, 2, 3, 6, 0x7f, 0x81])
  func refused(kind: UInt8) {
    let frame: [UInt8] = [1, kind, 0, 0, 0, 5, 0, 40, 0, 16]
    #expect(frame.withUnsafeBytes { OffloadHeader(loading: $0) } == nil)
    let short: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0]
    #expect(short.withUnsafeBytes { OffloadHeader(loading: $0) } == nil)
  }

  @Test("other flags of the kernel are passed over", arguments: [UInt8(2), 4, 0xfe])
  func flags(flags: UInt8) {
    let frame: [UInt8] = [flags, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    #expect(frame.withUnsafeBytes { OffloadHeader(loading: $0) } == OffloadHeader.none)
  }

  @Test("it tells where a packet's headers end")
  func headerLength() {
    let tcp = OffloadHeader(segmentation: .tcp(size: 1, hasECN: false), checksum: OffloadHeaderTests.place)
    let udp = OffloadHeader(segmentation: .udp(size: 1), checksum: .init(start: 40, offset: 6))
    let segment = SamplePacket.tcp([1, 2, 3]).bytes
    #expect(segment.withUnsafeBytes { tcp.headerLength(of: $0) } == 72)
    #expect(segment.withUnsafeBytes { udp.headerLength(of: $0) } == 48)
    #expect(segment.withUnsafeBytes { OffloadHeader.none.headerLength(of: $0) } == 0)
    #expect(segment[..<71].withUnsafeBytes { tcp.headerLength(of: $0) } == 0)
    #expect(segment[..<50].withUnsafeBytes { tcp.headerLength(of: $0) } == 0)
    #expect(segment[..<47].withUnsafeBytes { udp.headerLength(of: $0) } == 0)
  }
}
