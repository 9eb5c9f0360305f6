import OverlayCore
import OverlayIO
import PacketSamples
import Testing

/// What the kernel itself makes of a super-packet is what this program makes of it.
@Suite("Segmentation as the kernel does it")
struct KernelSegmentationTests {
  private static func tcp(_ count: Int, _ change: (inout SamplePacket.TCP) -> Void = { _ in }) -> SamplePacket {
    SamplePacket.tcp(SamplePacket.payload(count), change)
  }

  private static func extended(_ packet: SamplePacket) -> SamplePacket {
    var copy = packet
    copy.extensions = SamplePacket.padding
    return copy
  }

  static let samples: [(String, SamplePacket, Int)] = [
    ("TCP", tcp(20_000), 1_428), ("TCP, odd", tcp(5_555), 777), ("TCP, the longest", tcp(65_503), 1_428),
    ("TCP, the number goes round", tcp(6_000) { $0.sequence = 0xffff_ff01 }, 1_001),
    ("TCP, PSH", tcp(4_000) { $0.flags = 0x18 }, 1_428), ("TCP, FIN and PSH", tcp(4_000) { $0.flags = 0x19 }, 1_428),
    ("TCP, CWR and ECE", tcp(4_000) { $0.flags = 0xd8 }, 1_428),
    ("TCP, AE of Accurate ECN", tcp(4_000) { $0.reserved = 1 }, 1_428),
    (
      "TCP, all that Accurate ECN uses",
      tcp(4_000) {
        $0.reserved = 1; $0.flags = 0xd8
      }, 1_428
    ),
    ("TCP, all reserved bits", tcp(4_000) { $0.reserved = 0xf }, 1_428),
    (
      "TCP, URG",
      tcp(4_000) {
        $0.flags = 0x30; $0.urgentPointer = 700
      }, 1_428
    ),
    ("TCP, no options", tcp(4_000) { $0.options = [] }, 1_440),
    ("TCP, all options", tcp(4_000) { $0.options = [UInt8](repeating: 1, count: 40) }, 1_400),
    ("TCP, extension headers", extended(tcp(4_000)), 1_400),
    ("UDP", .udp(SamplePacket.payload(10_000)), 1_200), ("UDP, odd", .udp(SamplePacket.payload(9_999)), 1_201),
    ("UDP, zero checksums", .udp(zeroSum + zeroSum + [1]), 2),
    ("UDP, extension headers", extended(.udp(SamplePacket.payload(4_000))), 1_200),
  ]

  /// Two bytes of payload that make the checksum of a datagram to the destination zero.
  private static let zeroSum: [UInt8] = {
    var packet = SamplePacket.udp([0, 0])
    packet.destination = KernelRouter.destination
    return Array(packet.bytes[46..<48])
  }()

  @Test("each packet is the same, byte for byte", arguments: samples)
  func segments(name: String, sample: SamplePacket, size: Int) throws {
    let router = try KernelRouter()
    var packet = sample
    packet.destination = KernelRouter.destination
    let expected = try #require(split(packet, size: size))
    packet.checksum = .partial
    #expect(router.write(packet.bytes, packet.offload(size: size)) == .written)
    let received = router.received(expected.count)
    #expect(received.count == expected.count, "\(name)")
    #expect(received.map(\.bytes) == expected.map(\.forwarded), "\(name)")
  }

  // The kernel itself cuts what is longer than the interface's gso_max_size of 65,536 bytes.
  @Test(
    "what the kernel leaves to the device is read with its header",
    arguments: samples.filter { $0.1.payload.count < 65_000 })
  func read(name: String, sample: SamplePacket, size: Int) throws {
    let router = try KernelRouter(backOffload: true)
    let isOffloading = router.back.isOffloading
    #expect(isOffloading)
    var packet = sample
    packet.destination = KernelRouter.destination
    packet.checksum = .partial
    #expect(router.write(packet.bytes, packet.offload(size: size)) == .written)
    let frames = router.received(1)
    let read = frames.flatMap { frame in frame.bytes.withUnsafeBytes { packets(of: $0, frame.header) ?? [] } }
    #expect(read == packet.segments(size).map(\.bytes.forwarded), "\(name)")
    #expect(frames.map(\.header) == [packet.offload(size: size)], "\(name)")
  }

  @Test("a checksum that was left to the device is completed as the kernel does it", arguments: samples)
  func checksum(name: String, sample: SamplePacket, size: Int) throws {
    let router = try KernelRouter()
    var packet = sample
    packet.payload = Array(packet.payload.prefix(size))
    packet.destination = KernelRouter.destination
    packet.checksum = .partial
    let place = try #require(packet.offload(size: size).checksum)
    var completed = packet.bytes
    #expect(completed.withUnsafeMutableBytes { ChecksumCompletion.complete(place, in: $0) })
    #expect(router.write(packet.bytes, OffloadHeader(segmentation: .none, checksum: place)) == .written)
    #expect(router.received(1).map(\.bytes) == [completed.forwarded], "\(name)")
  }
}
