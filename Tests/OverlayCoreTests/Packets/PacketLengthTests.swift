import Testing

@testable import OverlayCore

@Suite("Packet length")
struct PacketLengthTests {
  @Test(
    "the length stands in the first bytes",
    arguments: [
      ("6000 0000 0000", 40), ("6fff ffff 0001", 41), ("6000 0000 05b4", 1_500), ("6000 0000 ffff", 65_575),
      ("4500 0014 0000", 20), ("4500 ffff 0000", 65_535), ("4f00 003c 0000", 60), ("4600 0018 0000", 24),
      ("6000 0000 0000 01020304", 40),
    ])
  func known(_ text: String, _ length: Int) throws {
    #expect(try hexadecimal(text).withUnsafeBytes { try PacketLength.read($0) } == length)
  }

  @Test("fewer than six bytes do not tell it", arguments: ["6000 0000 0010", "4500 0030 0000"])
  func short(_ text: String) throws {
    let bytes = try hexadecimal(text)
    for count in 0..<6 {
      #expect(try bytes[..<count].withUnsafeBytes { try PacketLength.read($0) } == nil, "\(count) bytes")
    }
    #expect(try bytes.withUnsafeBytes { try PacketLength.read($0) } != nil)
  }

  @Test("another version is an error at its first byte", arguments: (0..<16).filter { $0 != 4 && $0 != 6 })
  func version(_ version: UInt8) {
    for low in 0..<16 as Range<UInt8> {
      #expect(throws: StreamError.version(version)) {
        try [version << 4 | low].withUnsafeBytes { try PacketLength.read($0) }
      }
    }
  }

  @Test("an IPv4 header of less than 20 bytes is an error at its first byte", arguments: 0..<5)
  func headerLength(_ words: UInt8) {
    #expect(throws: StreamError.headerLength(Int(words) * 4)) {
      try [0x40 | words].withUnsafeBytes { try PacketLength.read($0) }
    }
  }

  @Test(
    "an IPv4 packet shorter than its header is an error",
    arguments: [("4500 0000 0000", 0), ("4500 0013 0000", 19), ("4f00 003b 0000", 59)])
  func totalLength(_ text: String, _ length: Int) throws {
    let bytes = try hexadecimal(text)
    #expect(throws: StreamError.totalLength(length)) { try bytes.withUnsafeBytes { try PacketLength.read($0) } }
  }

  @Test("every error says what came")
  func descriptions() {
    #expect("\(StreamError.version(5))" == "a packet of IP version 5")
    #expect("\(StreamError.headerLength(16))" == "an IPv4 header of 16 bytes")
    #expect("\(StreamError.totalLength(19))" == "an IPv4 packet of 19 bytes in all")
    #expect("\(StreamError.webRequest)" == "a web request")
    #expect("\(StreamError.proxyLine)" == "a PROXY line")
  }
}
