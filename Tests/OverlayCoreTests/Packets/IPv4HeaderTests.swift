import Testing

@testable import OverlayCore

@Suite("IPv4 header")
struct IPv4HeaderTests {
  @Test("an echo request is read field by field")
  func fields() throws {
    let packet = try hexadecimal("45c0001c 1c464000 400151cf 0a000001 c0a80163 08000000 00000000")
    let header = try #require(packet.withUnsafeBytes { IPv4Header($0) })
    #expect(header.headerSize == 20)
    #expect(header.protocolNumber == 1)
    #expect("\(header.source) \(header.destination)" == "10.0.0.1 192.168.1.99")
    #expect(header.mayNotBeFragmented && !header.hasMoreFragments && header.fragmentOffset == 0)
  }

  @Test("every bit of the header that is wrong is noticed, and every truncation")
  func damaged() throws {
    let packet = try Sample.ipv4(
      from: "10.0.0.1", to: "10.1.0.1", options: [148, 4, 0, 0], payload: [1, 2, 3, 4])
    #expect(packet.withUnsafeBytes { IPv4Header($0) }?.headerSize == 24)
    for bit in 0..<24 * 8 {
      var damaged = packet
      damaged[bit / 8] ^= 1 << (bit % 8)
      #expect(damaged.withUnsafeBytes { IPv4Header($0) } == nil, "bit \(bit)")
    }
    for length in 0..<packet.count { #expect(packet[..<length].withUnsafeBytes { IPv4Header($0) } == nil) }
    #expect((packet + [0]).withUnsafeBytes { IPv4Header($0) } == nil)
  }

  @Test(
    "a header shorter than 20 bytes or longer than the packet is none, whatever its checksum",
    arguments: [0, 1, 2, 3, 4, 7, 15] as [UInt8])
  func headerLength(_ words: UInt8) throws {
    var packet = try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.1")
    packet[0] = 0x40 | words
    (packet[10], packet[11]) = (0, 0)
    let sum = NaiveChecksum.field(Array(packet.prefix(Int(words) * 4)))
    (packet[10], packet[11]) = (UInt8(sum >> 8), UInt8(sum & 0xff))
    #expect(packet.withUnsafeBytes { IPv4Header($0) } == nil)
  }
}
