import Testing

@testable import OverlayCore

@Suite("SOCKS4a")
struct SOCKS4aTests {
  private static let granted: [UInt8] = [0, 0x5a, 1, 2, 3, 4, 5, 6]

  /// Feeds `pieces` one after the other; whether each completed the reply, and what was left of the last.
  private static func consume(_ pieces: [[UInt8]]) throws -> (complete: [Bool], rest: [UInt8]) {
    var reply = SOCKS4aReply()
    var complete: [Bool] = []
    var rest: [UInt8] = []
    for piece in pieces {
      try piece.withUnsafeBytes {
        var bytes = $0
        complete.append(try reply.consume(&bytes))
        rest = Array(bytes)
      }
    }
    return (complete, rest)
  }

  @Test("the request, byte by byte")
  func request() throws {
    let name = try OnionName("7fd22jhmqgfl45j6")
    let expected: [UInt8] = [4, 1, 0x1f, 0x7c, 0, 0, 0, 1] + Array("abc\u{0}7fd22jhmqgfl45j6.onion\u{0}".utf8)
    #expect(SOCKS4aRequest(name: name, port: 8_060, userIdentifier: "abc").bytes == expected)
  }

  @Test("a request without a user identifier still has its NUL")
  func noUser() throws {
    let bytes = SOCKS4aRequest(name: try .sample(1), port: 1, userIdentifier: "").bytes
    #expect(bytes[..<9] == [4, 1, 0, 1, 0, 0, 0, 1, 0])
    #expect(bytes.count == 9 + 62 + 1)
  }

  @Test("a reply that comes at once is taken, and nothing behind it")
  func whole() throws {
    let (complete, rest) = try Self.consume([Self.granted + [0x60, 0x61]])
    #expect(complete == [true])
    #expect(rest == [0x60, 0x61])
  }

  @Test("a reply that comes byte by byte is complete with the eighth")
  func bytewise() throws {
    let (complete, rest) = try Self.consume(Self.granted.map { [$0] })
    #expect(complete == [false, false, false, false, false, false, false, true])
    #expect(rest == [])
  }

  @Test("a reply split at any two places is taken")
  func splits() throws {
    let stream = Self.granted + [0x60]
    for first in 0...8 {
      for second in first...8 {
        let pieces = [stream[..<first], stream[first..<second], stream[second...]].map(Array.init)
        let (complete, rest) = try Self.consume(pieces)
        #expect(complete.last == true, "split at \(first) and \(second)")
        #expect(rest == [0x60], "split at \(first) and \(second)")
      }
    }
  }

  @Test("every refusal is told with its code, as soon as the code is there", arguments: [0x5b, 0x5c, 0x5d])
  func refusals(_ code: UInt8) {
    #expect(throws: DialFailure.refused(code: code)) { try Self.consume([[0, code]]) }
    #expect(throws: DialFailure.refused(code: code)) { try Self.consume([[0], [code]]) }
    #expect(throws: DialFailure.refused(code: code)) { try Self.consume([[0, code, 0, 0, 0, 0, 0, 0]]) }
  }

  @Test("any other code is no SOCKS4 reply")
  func codes() {
    for code in (0...255 as ClosedRange<UInt8>).filter({ !(0x5a...0x5d).contains($0) }) {
      #expect(throws: DialFailure.notSOCKS(byte: code)) { try Self.consume([[0, code]]) }
    }
  }

  @Test("a reply that does not begin with zero is none")
  func start() {
    for byte in 1...255 as ClosedRange<UInt8> {
      #expect(throws: DialFailure.notSOCKS(byte: byte)) { try Self.consume([[byte]]) }
    }
  }

  @Test("the errors say what to do")
  func descriptions() {
    #expect("\(DialFailure.refused(code: 0x5b))" == "refused by Tor (SOCKS code 91)")
    #expect("\(DialFailure.notSOCKS(byte: 72))" == "not answered in SOCKS (byte 72): is it Tor's SOCKS port?")
  }
}
