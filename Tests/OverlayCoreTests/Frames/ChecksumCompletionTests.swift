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
}
