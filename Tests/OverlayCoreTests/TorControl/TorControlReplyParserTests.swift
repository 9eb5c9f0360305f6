import Testing

@testable import OverlayCore

@Suite("Replies of Tor's control port")
struct TorControlReplyParserTests {
  /// What is read from `pieces`, one after the other.
  private static func parse(_ pieces: [[UInt8]]) throws(TorControlError) -> [TorControlReply] {
    var parser = TorControlReplyParser()
    var replies: [TorControlReply] = []
    for piece in pieces {
      var rest = piece[...]
      while let reply = try parser.next(&rest) { replies.append(reply) }
    }
    return replies
  }

  private static func line(_ text: String, _ data: [String]? = nil) -> TorControlReply.Line {
    TorControlReply.Line(text: Array(text.utf8), data: data?.map { Array($0.utf8) })
  }

  private static let stream =
    "250-version=0.4.9.11\r\n250+net=\r\na\r\n..b\r\n\r\n.\r\n250 OK\r\n650 HS_DESC X\r\n"
    + "650-A\r\n650 B\r\n512 no\r\n250 \r\n"
  private static let replies = [
    TorControlReply(status: 250, lines: [line("version=0.4.9.11"), line("net=", ["a", ".b", ""]), line("OK")]),
    TorControlReply(status: 650, lines: [line("HS_DESC X")]),
    TorControlReply(status: 650, lines: [line("A"), line("B")]),
    TorControlReply(status: 512, lines: [line("no")]),
    TorControlReply(status: 250, lines: [line("")]),
  ]

  @Test("replies are the same wherever they are split")
  func splits() throws {
    let bytes = Array(Self.stream.utf8)
    #expect(try Self.parse([bytes]) == Self.replies)
    #expect(try Self.parse(bytes.map { [$0] }) == Self.replies)
    for position in bytes.indices {
      #expect(try Self.parse([Array(bytes[..<position]), Array(bytes[position...])]) == Self.replies, "\(position)")
    }
  }

  @Test("a stream that ends anywhere gives the replies that were complete")
  func truncation() throws {
    let bytes = Array(Self.stream.utf8)
    for end in bytes.indices {
      let replies = try Self.parse([Array(bytes[..<end])])
      #expect(Self.replies.starts(with: replies), "\(end)")
    }
  }

  @Test(
    "what is not of the protocol is an error",
    arguments: [
      "hello there\r\n", "HTTP/1.0 400 Bad Request\r\n", "\r\n", "25\r\n", "250\r\n", "250=x\r\n", "150 x\r\n",
      "2x0 OK\r\n", "+50 OK\r\n", "250 OK\n", "250-a\rb\r\n", "250-a\r\n251 b\r\n", "250-a\r\n650 b\r\n",
      "SSH-2.0-OpenSSH_9.2p1\r\n", "\u{0}\u{0}\u{0}\u{0}\r\n",
    ])
  func malformed(_ text: String) {
    #expect(throws: TorControlError.self) { try Self.parse([Array(text.utf8)]) }
  }

  @Test("a line of 16 KiB is read, and a longer one is an error before its end comes")
  func longLine() throws {
    let text = "250 " + String(repeating: "x", count: TorControlReplyParser.longestLine - 4)
    #expect(try Self.parse([Array("\(text)\r\n".utf8)]).count == 1)
    #expect(throws: TorControlError.tooLong) { try Self.parse([Array("\(text)xxx".utf8)]) }
  }

  @Test("a reply of 256 KiB is the largest, in lines or in data", arguments: ["250-x\r\n", "250+x\r\n.\r\n", "."])
  func largeReply(_ line: String) {
    var parser = TorControlReplyParser()
    var taken = 0
    #expect(throws: TorControlError.tooLong) {
      if line == "." {
        var start = Array("250+x\r\n".utf8)[...]
        _ = try parser.next(&start)
      }
      let bytes = Array((line == "." ? "..\r\n" : line).utf8)
      while taken <= 2 * TorControlReplyParser.largestReply {
        var rest = bytes[...]
        _ = try parser.next(&rest)
        taken += bytes.count
      }
    }
    #expect(taken <= TorControlReplyParser.largestReply)
  }

  @Test("words, keys and quotes of a line")
  func words() {
    let words = ControlWords(Array(#"AUTH METHODS=COOKIE,SAFECOOKIE FILE="/a b\"\\\303\244" "c=d" e"#.utf8))
    #expect(words.plain(0) == "AUTH")
    #expect(words["METHODS"] == Array("COOKIE,SAFECOOKIE".utf8))
    #expect(words["FILE"] == Array("/a b\"\\ä".utf8))
    #expect(words.plain(3) == "c=d")
    #expect(words.plain(4) == "e")
    #expect(words.plain(5) == nil)
  }

  @Test(
    "lines that are cut or senseless are read as far as they go",
    arguments: ["A B=\"x", "A \"", "=", "==", "A=\\", "A=\"\\", "A=\"\\4", "\"\"\"", "a\"b\"", "   ", "A= B="])
  func senselessWords(_ text: String) {
    #expect(ControlWords(Array(text.utf8)).words.count <= 4)
  }
}
