import Testing

@testable import OverlayCore

@Suite("Upper layer behind extension headers")
struct UpperLayerTests {
  private static func upperLayer(first: UInt8, _ payload: [UInt8]) -> UpperLayer? {
    Sample.packet(from: .unspecified, to: .unspecified, nextHeader: first, payload: payload)
      .withUnsafeBytes { UpperLayer($0) }
  }

  @Test(
    "the walk ends at the first header that is no extension",
    arguments: [
      (6, "", 6, 40), (17, "00112233", 17, 40), (59, "", 59, 40), (58, "8000", 58, 40),
      (0, "3a00 0000 0000 0000 80", 58, 48),
      (0, "3a01 0000 0000 0000 0000 0000 0000 0000 80", 58, 56),
      (43, "0600 0000 0000 0000", 6, 48), (60, "1100 0000 0000 0000", 17, 48),
      (44, "3a00 0001 0000 0000 80", 58, 48),
      (0, "3c00 0000 0000 0000 2c00 0000 0000 0000 3a00 0001 0000 0000 80", 58, 64),
    ] as [(UInt8, String, UInt8, Int)])
  func found(_ first: UInt8, _ payload: String, _ nextHeader: UInt8, _ offset: Int) throws {
    let upper = try #require(Self.upperLayer(first: first, try hexadecimal(payload)))
    #expect(upper.nextHeader == nextHeader)
    #expect(upper.offset == offset)
  }

  @Test(
    "a chain that is cut off, and a later fragment, has none",
    arguments: [
      (0, ""), (0, "3a"), (0, "3a00 0000 0000 00"), (60, "3a01 0000 0000 0000"), (43, "3aff 0000 0000 0000"),
      (44, "3a00 0001 0000 00"), (44, "3a00 0008 0000 0000 80"), (44, "3a00 fff8 0000 0000 80"),
      (0, "2c00 0000 0000 0000 3a00 0009 0000 0000 80"),
    ] as [(UInt8, String)])
  func none(_ first: UInt8, _ payload: String) throws {
    #expect(Self.upperLayer(first: first, try hexadecimal(payload)) == nil)
  }

  @Test("a packet shorter than its header has none")
  func short() {
    let packet = Sample.packet(from: .unspecified, to: .unspecified)
    for count in 0..<40 { #expect(packet[..<count].withUnsafeBytes { UpperLayer($0) } == nil) }
  }

  @Test("no bytes lead the walk out of the packet")
  func random() {
    var random = SeededGenerator(seed: 30)
    let extensions: [UInt8] = [0, 43, 44, 60]
    for _ in 0..<5_000 {
      var packet = Sample.packet(payload: Int.random(in: 0...100, using: &random), &random)
      packet[6] = extensions[Int.random(in: 0..<4, using: &random)]
      for index in packet.indices.dropFirst(40) where Bool.random(using: &random) {
        packet[index] = extensions[Int.random(in: 0..<4, using: &random)]
      }
      let offset = packet.withUnsafeBytes { UpperLayer($0) }?.offset
      if let offset { #expect((40...packet.count).contains(offset)) }
    }
  }
}
