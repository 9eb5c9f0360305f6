import Testing

@testable import OverlayCore

@Suite("Congestion mark")
struct CongestionMarkTests {
  @Test(
    "a packet whose sender understands marks is marked, another is not",
    arguments: [(0b00, false), (0b01, true), (0b10, true), (0b11, true)] as [(UInt8, Bool)])
  func codepoints(_ codepoint: UInt8, _ isMarked: Bool) {
    var random = SeededGenerator(seed: 510)
    var packet = Sample.packet(payload: 30, &random)
    // A differentiated services code point and a flow label around it.
    packet[0] = 0x6a
    packet[1] = 0x8f | codepoint << 4
    let before = packet
    let isSet = packet.withUnsafeMutableBytes { CongestionMark.set(in: $0) }
    #expect(isSet == isMarked)
    #expect(packet[1] == (isMarked ? 0xbf : before[1]))
    packet[1] = before[1]
    #expect(packet == before)
  }

  @Test("what is shorter than an IPv6 header is left alone")
  func short() {
    var bytes = [UInt8](repeating: 0xff, count: 39)
    let isSet = bytes.withUnsafeMutableBytes { CongestionMark.set(in: $0) }
    #expect(!isSet)
    #expect(bytes == [UInt8](repeating: 0xff, count: 39))
  }
}
