import Testing

@testable import OverlayCore

@Suite("Upper layer behind extension headers")
struct UpperLayerTests {
  private static func upperLayer(first: UInt8, _ payload: [UInt8]) -> UpperLayer? {
    Sample.packet(from: .unspecified, to: .unspecified, nextHeader: first, payload: payload)
      .withUnsafeBytes { PacketView(reading: $0)?.upper.layer }
  }

  @Test(
    "the walk ends at the first header that is no extension",
    arguments: [
      (6, "", 6, 40), (17, "00112233", 17, 40), (59, "", 59, 40), (58, "8000", 58, 40),
      (0, "3a00 0000 0000 0000 80", 58, 48),
      (0, "3a01 0000 0000 0000 0000 0000 0000 0000 80", 58, 56),
      (43, "0600 0000 0000 0000", 6, 48), (60, "1100 0000 0000 0000", 17, 48),
      (44, "3a00 0000 0000 0000 80", 58, 48), (44, "3a00 0001 0000 0000 8000 0000 0000 0000", 58, 48),
      (51, "3a04 0000 0000 0001 0000 0000 0000 0000 0000 0000 0000 0000 88", 58, 64),
      (51, "3a00 0000 0000 0000 88", 58, 48), (135, "3a00 0000 0000 0000 88", 58, 48),
      (139, "3a00 0000 0000 0000 88", 58, 48), (140, "3a00 0000 0000 0000 88", 58, 48),
      (50, "0000 0001 0000 0001", 50, 40), (60, "3200 0000 0000 0000 00", 50, 48),
      (0, "3c00 0000 0000 0000 2c00 0000 0000 0000 3a00 0000 0000 0000 80", 58, 64),
    ] as [(UInt8, String, UInt8, Int)])
  func found(_ first: UInt8, _ payload: String, _ nextHeader: UInt8, _ offset: Int) throws {
    let upper = try #require(Self.upperLayer(first: first, try hexadecimal(payload)))
    #expect(upper.nextHeader == nextHeader)
    #expect(upper.offset == offset)
  }

  @Test(
    "a chain that cannot be read whole has none",
    arguments: [
      (0, ""), (0, "3a"), (0, "3a00 0000 0000 00"), (60, "3a01 0000 0000 0000"), (43, "3aff 0000 0000 0000"),
      (44, "3a00 0001 0000 00"), (51, ""), (51, "3a04 0000 0000 0001"),
      // The first of several fragments without all headers, or without enough of the upper layer.
      (44, "3c00 0001 0000 0000"), (44, "3c00 0001 0000 0000 3a01 0000 0000 0000"), (44, "3a00 0001 0000 0000"),
      (44, "3c00 0001 0000 0000 3a00 0000 0000 0000"), (44, "3a00 0001 0000 0000 8800 0000 0000 00"),
      (44, "8700 0001 0000 0000 3a01 0000 0000 0000"), (44, "3300 0001 0000 0000 3a04 0000 0000 0000"),
      // A fragment of a fragment, and options for every hop where no hop looks.
      (44, "2c00 0001 0000 0000 3a00 0008 0000 0001 80"), (44, "2c00 0000 0000 0000 3a00 0000 0000 0000 88"),
      (60, "0000 0000 0000 0000 3a00 0000 0000 0000 88"),
      // For experiments, in a format that is unknown.
      (253, "3a00 0000 0000 0000 88"), (254, "3a00 0000 0000 0000 88"), (60, "fd00 0000 0000 0000 88"),
    ] as [(UInt8, String)])
  func none(_ first: UInt8, _ payload: String) throws {
    let packet = Sample.packet(
      from: .unspecified, to: .unspecified, nextHeader: first, payload: try hexadecimal(payload))
    #expect(packet.withUnsafeBytes { PacketView(reading: $0)?.upper } == .unreadable)
  }

  @Test(
    "a later fragment says nothing of it",
    arguments: [
      (44, "3a00 0008 0000 0000 80"), (44, "3a00 fff8 0000 0000 80"), (0, "2c00 0000 0000 0000 3a00 0009 0000 0000 80"),
    ] as [(UInt8, String)])
  func later(_ first: UInt8, _ payload: String) throws {
    let packet = Sample.packet(
      from: .unspecified, to: .unspecified, nextHeader: first, payload: try hexadecimal(payload))
    #expect(packet.withUnsafeBytes { PacketView(reading: $0)?.upper } == .laterFragment)
  }

  @Test("a packet shorter than its header has none")
  func short() {
    let packet = Sample.packet(from: .unspecified, to: .unspecified)
    for count in 0..<40 { #expect(packet[..<count].withUnsafeBytes { PacketView(reading: $0)?.upper } == nil) }
  }

  @Test("no bytes lead the walk out of the packet")
  func random() {
    var random = SeededGenerator(seed: 30)
    let extensions: [UInt8] = [0, 43, 44, 51, 60, 135, 139, 140]
    for _ in 0..<5_000 {
      var packet = Sample.packet(payload: Int.random(in: 0...100, using: &random), &random)
      packet[6] = extensions[Int.random(in: extensions.indices, using: &random)]
      for index in packet.indices.dropFirst(40) where Bool.random(using: &random) {
        packet[index] = extensions[Int.random(in: extensions.indices, using: &random)]
      }
      let offset = packet.withUnsafeBytes { PacketView(reading: $0)?.upper.layer }?.offset
      if let offset { #expect((40...packet.count).contains(offset)) }
    }
  }
}
