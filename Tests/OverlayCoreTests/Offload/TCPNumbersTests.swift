import PacketSamples
import Testing

@testable import OverlayCore

@Suite("TCP numbers")
struct TCPNumbersTests {
  private static let segment = SamplePacket.tcp(SamplePacket.payload(300)) {
    $0.sequence = 0xffff_ff00
    $0.acknowledgement = 0x0102_0304
  }

  /// The numbers of a packet whose IP header is made to tell the bytes there are.
  private static func numbers(_ packet: [UInt8]) -> TCPNumbers? {
    var packet = packet
    return packet.withUnsafeMutableBytes { bytes in
      if bytes.count >= 20, bytes[0] >> 4 == 4 {
        bytes.store(UInt16(bytes.count), at: 2)
        let headerSize = Int(bytes[0] & 0xf) * 4
        IPv4Header.complete(UnsafeMutableRawBufferPointer(rebasing: bytes.prefix(headerSize)))
      } else if bytes.count >= 40 {
        bytes.store(UInt16(bytes.count - 40), at: 4)
      }
      return PacketView(bytes).flatMap { TCPNumbers($0) }
    }
  }

  /// The segment behind an IPv4 header with this many bytes of options.
  private static func ipv4(options: Int = 0, fragment: UInt16 = 0) -> [UInt8] {
    let header: [UInt8] = [
      0x45 + UInt8(options / 4), 0, 1, 0x54, 0, 0, UInt8(fragment >> 8), UInt8(fragment & 0xff), 64, 6, 0, 0, 10, 0, 0,
      1, 10, 0, 0, 2,
    ]
    return header + [UInt8](repeating: 1, count: options) + segment.bytes.dropFirst(40)
  }

  @Test("they are read from IPv6 and IPv4")
  func read() throws {
    for packet in [Self.segment.bytes, Self.ipv4(), Self.ipv4(options: 40)] {
      let numbers = try #require(Self.numbers(packet))
      #expect(numbers.sequence == 0xffff_ff00)
      #expect(numbers.end == 44)
      #expect(numbers.acknowledgement == 0x0102_0304)
    }
  }

  @Test("a segment without ACK acknowledges nothing, whatever stands there")
  func noAcknowledgement() throws {
    for flags in [0x00, 0x02, 0x04, 0x08] as [UInt8] {
      let numbers = try #require(Self.numbers(SamplePacket.tcp([1]) { $0.flags = flags }.bytes))
      #expect(numbers.acknowledgement == nil)
      #expect(numbers.end == numbers.sequence + 1)
    }
  }

  @Test("what is no TCP, a fragment or behind an extension header has none")
  func none() {
    var extended = Self.segment
    extended.extensions = [(0, [0, 1, 4, 0, 0, 0, 0])]
    for packet in [
      SamplePacket.udp([1]).bytes, extended.bytes, Self.ipv4(fragment: 1), Self.ipv4(fragment: 0x2000), [], [0x60],
      [0x45],
    ] {
      #expect(Self.numbers(packet) == nil)
    }
  }

  @Test("one that is cut short, or announces a header that is not there, has none")
  func cut() {
    for packet in [Self.segment.bytes, Self.ipv4(), Self.ipv4(options: 40)] {
      let headers = packet.count - 300
      for length in 0..<headers { #expect(Self.numbers(Array(packet.prefix(length))) == nil, "\(length) bytes") }
      #expect(Self.numbers(Array(packet.prefix(headers)))?.end == 0xffff_ff00)
    }
    for words in 0..<5 as Range<UInt8> {
      var packet = Self.segment.bytes
      packet[52] = words << 4
      #expect(Self.numbers(packet) == nil)
    }
  }
}
