import Testing

@testable import OverlayCore

@Suite("Internet checksum")
struct InternetChecksumTests {
  private static func field(_ bytes: some Collection<UInt8>) -> UInt16 {
    var checksum = InternetChecksum()
    Array(bytes).withUnsafeBytes { checksum.add($0) }
    return UInt16(bigEndian: checksum.field)
  }

  @Test(
    "known sums",
    arguments: [
      ("", 0xffff),
      // RFC 1071 section 3: the sum is ddf2.
      ("0001 f203 f4f5 f6f7", 0x220d),
      ("00", 0xffff), ("ff", 0x00ff), ("0001", 0xfffe), ("000102", 0xfdfe), ("ffff", 0x0000), ("ffffffff", 0x0000),
      // An IPv4 header with its checksum in it sums up to nothing.
      ("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7", 0x0000),
      ("4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7", 0xb861),
    ] as [(String, UInt16)])
  func known(_ text: String, _ expected: UInt16) throws {
    #expect(Self.field(try hexadecimal(text)) == expected)
  }

  @Test("every length from an even and an odd address sums up as the plain method does")
  func lengths() {
    var random = SeededGenerator(seed: 10)
    let bytes = random.bytes(300)
    for count in 0...256 {
      for start in 0..<9 {
        let run = Array(bytes[start..<start + count])
        var checksum = InternetChecksum()
        bytes.withUnsafeBytes { checksum.add(UnsafeRawBufferPointer(rebasing: $0[start..<start + count])) }
        #expect(UInt16(bigEndian: checksum.field) == NaiveChecksum.field(run), "\(count) bytes at \(start)")
      }
    }
  }

  @Test("large packets sum up as the plain method does", arguments: [1_280, 1_499, 1_500, 65_535, 65_575])
  func large(_ count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let bytes = random.bytes(count)
    #expect(Self.field(bytes) == NaiveChecksum.field(bytes))
    let ones = [UInt8](repeating: 0xff, count: count)
    #expect(Self.field(ones) == NaiveChecksum.field(ones))
  }

  @Test("runs of even length may be added one after the other")
  func runs() {
    var random = SeededGenerator(seed: 11)
    for _ in 0..<200 {
      let bytes = random.bytes(Int.random(in: 0...64, using: &random))
      let cut = Int.random(in: 0...bytes.count / 2, using: &random) * 2
      var checksum = InternetChecksum()
      bytes[..<cut].withUnsafeBytes { checksum.add($0) }
      bytes[cut...].withUnsafeBytes { checksum.add($0) }
      #expect(UInt16(bigEndian: checksum.field) == NaiveChecksum.field(bytes))
    }
  }

  @Test("the pseudo-header counts as if it stood before the packet")
  func pseudoHeader() {
    var random = SeededGenerator(seed: 12)
    for _ in 0..<200 {
      let source = IPv6Address(high: random.next(), low: random.next())
      let destination = IPv6Address(high: random.next(), low: random.next())
      let body = random.bytes(Int.random(in: 0...1_600, using: &random))
      let nextHeader = UInt8.random(in: 0...255, using: &random)
      var checksum = InternetChecksum(
        source: source, destination: destination, length: body.count, nextHeader: nextHeader)
      body.withUnsafeBytes { checksum.add($0) }
      let expected = NaiveChecksum.field(source: source, destination: destination, nextHeader: nextHeader, body)
      #expect(UInt16(bigEndian: checksum.field) == expected)
    }
  }
}
