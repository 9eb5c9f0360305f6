import PacketSamples
import Testing

@testable import OverlayCore

@Suite("Internet checksum over runs")
struct InternetChecksumRunsTests {
  private func sum(_ bytes: [UInt8], from offset: Int = 0) -> UInt16 {
    var sum = InternetChecksum()
    bytes.withUnsafeBytes { sum.add(UnsafeRawBufferPointer(rebasing: $0[offset...])) }
    return sum.folded.bigEndian
  }

  @Test("a sum equals the byte by byte one at every length and alignment", arguments: 0..<8)
  func lengths(offset: Int) {
    for count in 0...200 {
      let bytes = SamplePacket.payload(offset + count, seed: count)
      #expect(sum(bytes, from: offset) == SamplePacket.sum(Array(bytes[offset...])))
    }
  }

  @Test(
    "carries are not lost, however long the run", arguments: [1, 2, 7, 1_500, 65_534, 65_535, 1 << 20],
    [UInt8(0xff), 0x80, 0x01, 0])
  func carries(count: Int, byte: UInt8) {
    let bytes = [UInt8](repeating: byte, count: count)
    #expect(sum(bytes) == SamplePacket.sum(bytes))
  }

  @Test("runs add up, and a number that is taken out is as if it had never been added")
  func runs() {
    let bytes = SamplePacket.payload(101)
    var sum = InternetChecksum()
    bytes.withUnsafeBytes { whole in
      sum.add(UInt16(0xabcd))
      sum.add(UnsafeRawBufferPointer(rebasing: whole[..<34]))
      sum.add(UInt16(0xffff))
      sum.add(UnsafeRawBufferPointer(rebasing: whole[34..<36]))
      sum.subtract(UInt16(0xffff))
      sum.add(UnsafeRawBufferPointer(rebasing: whole[36...]))
      sum.subtract(UInt16(0xabcd))
    }
    #expect(sum.folded.bigEndian == SamplePacket.sum(bytes))
    #expect(sum.field == ~sum.folded)
  }
}
