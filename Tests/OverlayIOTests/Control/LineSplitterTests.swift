import Testing

@testable import OverlayIO

@Suite("Lines of a stream")
struct LineSplitterTests {
  /// All lines that are there.
  func lines(_ splitter: inout LineSplitter) -> [String] {
    var lines: [String] = []
    while case .line(let line) = splitter.next() { lines.append(String(decoding: line, as: UTF8.self)) }
    return lines
  }

  @Test("lines are the same wherever the stream is cut")
  func everywhere() {
    let text = Array("one\ntwo\r\n\n\r\nthree \r \nrest".utf8)
    for cut in 0...text.count {
      for second in cut...text.count {
        var splitter = LineSplitter(longest: 20)
        var found: [String] = []
        for piece in [text[..<cut], text[cut..<second], text[second...]] {
          splitter.append(piece)
          found += lines(&splitter)
        }
        #expect(found == ["one", "two", "", "", "three \r "])
        #expect(splitter.isInLine && splitter.count == 4)
        splitter.append(Array("\n".utf8))
        #expect(lines(&splitter) == ["rest"])
        #expect(!splitter.isInLine && splitter.count == 0)
      }
    }
  }

  @Test("a line may be as long as it may be, and no longer, with its end or without")
  func longest() {
    for (count, end, isAccepted) in [(10, "\n", true), (10, "\r\n", true), (11, "\n", false), (12, "", false)] {
      var splitter = LineSplitter(longest: 10)
      splitter.append([UInt8](repeating: 97, count: count) + Array(end.utf8))
      let next = splitter.next()
      if isAccepted {
        #expect(next == .line(ArraySlice([UInt8](repeating: 97, count: count))))
      } else {
        #expect(next == .tooLong)
      }
    }
  }

  @Test("a carriage return after the longest line is no part of it, though the line's end has not come")
  func returnAlone() {
    var splitter = LineSplitter(longest: 10)
    splitter.append(Array("0123456789\r".utf8))
    #expect(splitter.next() == .incomplete)
    splitter.append(Array("\n".utf8))
    #expect(splitter.next() == .line(ArraySlice("0123456789".utf8)))
    splitter.append(Array("0123456789\r\r".utf8))
    #expect(splitter.next() == .tooLong)
  }
}
