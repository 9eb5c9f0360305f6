import Testing

@testable import OverlayCore

@Suite("Tor's line about its circuit")
struct TorCircuitLineTests {
  /// Reads `text` in pieces of so many bytes: the line, and what is left of the piece that ended it.
  private func read(_ text: String, pieces: Int) throws -> (TorCircuitLine?, rest: [UInt8]) {
    var reader = TorCircuitLineReader()
    var left = Array(text.utf8)
    while !left.isEmpty {
      let piece = Array(left.prefix(pieces))
      left.removeFirst(piece.count)
      var rest: [UInt8] = []
      let line = try piece.withUnsafeBytes { bytes throws(TorCircuitLineError) in
        var input = bytes
        let line = try reader.consume(&input)
        rest = Array(input)
        return line
      }
      if let line { return (line, rest + left) }
    }
    return (nil, [])
  }

  @Test(
    "the number of the circuit is in the last 32 bits of the address, whatever pieces the line comes in",
    arguments: [
      ("PROXY TCP6 fc00:dead:beef:4dad::ffff:ffff ::1 65535 42\r\n", 0xffff_ffff as UInt32),
      ("PROXY TCP6 fc00:dead:beef:4dad::0:29 ::1 41 8060\r\n", 0x29),
      ("PROXY TCP6 fc00:dead:beef:4dad::1:0 ::1 0 0\r\n", 0x1_0000),
    ])
  func circuits(_ text: String, _ circuit: UInt32) throws {
    for pieces in 1...(text.utf8.count + 3) {
      let (line, rest) = try read(text + "`abc", pieces: pieces)
      #expect(line?.circuit == circuit)
      #expect(rest == Array("`abc".utf8))
    }
  }

  @Test(
    "anything else is refused as soon as it can be",
    arguments: [
      ("GET / HTTP/1.1\r\n", TorCircuitLineError.otherLine), ("`", .otherLine), ("PROXY TCP4", .otherLine),
      ("PROXY TCP6 fc00:dead:beef:4dae", .otherLine), ("\r\n", .otherLine),
      ("PROXY TCP6 fc00:dead:beef:4dad::0:29 ::1 41 8060\n", .malformed),
      ("PROXY TCP6 fc00:dead:beef:4dad::0:29 ::2 41 8060\r\n", .malformed),
      ("PROXY TCP6 fc00:dead:beef:4dad::0:29 ::1 41 65536\r\n", .malformed),
      ("PROXY TCP6 fc00:dead:beef:4dad::0:29 ::1 +41 8060\r\n", .malformed),
      ("PROXY TCP6 fc00:dead:beef:4dad::0:29  ::1 41 8060\r\n", .malformed),
      ("PROXY TCP6 fc00:dead:beef:4dad::0:29 ::1 41\r\n", .malformed),
      ("PROXY TCP6 fc00:dead:beef:4dad::10000:29 ::1 41 8060\r\n", .malformed),
      ("PROXY TCP6 fc00:dead:beef:4dad:::29 ::1 41 8060\r\n", .malformed),
      ("PROXY TCP6 fc00:dead:beef:4dad::0:2g ::1 41 8060\r\n", .malformed),
      ("PROXY TCP6 fc00:dead:beef:4dad::" + String(repeating: "0", count: 75), .tooLong),
    ])
  func refused(_ text: String, _ error: TorCircuitLineError) {
    for pieces in [1, 7, text.utf8.count] {
      #expect(throws: error) { try read(text, pieces: pieces) }
    }
  }

  @Test("the longest line of Tor is shorter than the longest that is read")
  func longest() {
    #expect(TorCircuitLine(circuit: .max).bytes(port: .max).count <= TorCircuitLine.longest)
  }
}
