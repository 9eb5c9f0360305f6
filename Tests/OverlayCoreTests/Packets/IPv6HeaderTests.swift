import Testing

@testable import OverlayCore

@Suite("IPv6 header")
struct IPv6HeaderTests {
  @Test("every field is read from its place")
  func fields() throws {
    let bytes = try hexadecimal(
      """
      6abcdef1 0003 3a 07 fd87d87eeb435b1f3f7ed46dfe899b03 fd87d87eeb43f947ad24ec818abe753e 010203
      """)
    let header = try #require(bytes.withUnsafeBytes { IPv6Header($0) })
    #expect(header.flowLabel == 0xcdef1)
    #expect(header.payloadLength == 3)
    #expect(header.nextHeader == 58)
    #expect(header.hopLimit == 7)
    #expect(header.source == (try .sample("fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03")))
    #expect(header.destination == (try .sample("fd87:d87e:eb43:f947:ad24:ec81:8abe:753e")))
  }

  @Test("what is written is what is read, with traffic class zero")
  func written() throws {
    let header = IPv6Header(
      flowLabel: 0xfff1_2345, payloadLength: 0, nextHeader: 59, hopLimit: 1,
      source: IPv6Address(high: 0x0102_0304_0506_0708, low: 0x090a_0b0c_0d0e_0f10),
      destination: IPv6Address(high: 0x1112_1314_1516_1718, low: 0x191a_1b1c_1d1e_1f20))
    var bytes = [UInt8](repeating: 0xff, count: 40)
    bytes.withUnsafeMutableBytes { header.store(into: $0) }
    #expect(bytes == (try hexadecimal("60012345 0000 3b01")) + Array(1...32))
    #expect(bytes.withUnsafeBytes { IPv6Header($0) } == header)
  }

  @Test("a packet at an odd address is read as well")
  func unaligned() throws {
    var random = SeededGenerator(seed: 1)
    let packet = Sample.packet(payload: 11, &random)
    let header = packet.withUnsafeBytes { IPv6Header($0) }
    let moved = [0] + packet
    #expect(header != nil)
    #expect(moved.withUnsafeBytes { IPv6Header(UnsafeRawBufferPointer(rebasing: $0[1...])) } == header)
  }

  @Test("a packet of another version is none", arguments: (0..<16).filter { $0 != 6 })
  func version(_ version: Int) {
    var random = SeededGenerator(seed: 2)
    var packet = Sample.packet(payload: 4, &random)
    packet[0] = UInt8(version << 4)
    #expect(packet.withUnsafeBytes { IPv6Header($0) } == nil)
  }

  @Test("a packet that is not as long as it announces is none", arguments: [-40, -4, -1, 1, 2, 256])
  func length(_ difference: Int) {
    var random = SeededGenerator(seed: 3)
    let packet = Sample.packet(payload: 4, &random)
    let changed = difference < 0 ? Array(packet.dropLast(-difference)) : packet + random.bytes(difference)
    #expect(changed.withUnsafeBytes { IPv6Header($0) } == nil)
  }

  @Test("a packet cut anywhere is none")
  func cut() {
    var random = SeededGenerator(seed: 4)
    let packet = Sample.packet(payload: 20, &random)
    for count in packet.indices {
      #expect(packet[..<count].withUnsafeBytes { IPv6Header($0) } == nil, "\(count) bytes")
    }
  }

  @Test("the longest packet is read")
  func longest() {
    var random = SeededGenerator(seed: 5)
    let packet = Sample.packet(payload: 65_535, &random)
    #expect(packet.count == IPv6Header.largestPacket)
    #expect(packet.withUnsafeBytes { IPv6Header($0) }?.payloadLength == 65_535)
  }
}
