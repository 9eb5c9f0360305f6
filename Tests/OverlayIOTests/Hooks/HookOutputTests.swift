import Testing

@testable import OverlayIO

/// What of a hook's output is shown.
struct HookOutputTests {
  private func lines(_ pieces: [String]) -> [String] {
    var output = HookOutput()
    var lines = pieces.flatMap { output.take(Array($0.utf8)) }
    if let last = output.finish() { lines.append(last) }
    return lines
  }

  @Test(
    "It is shown line by line, whatever the pieces in which it comes",
    arguments: [
      ([], []), ([""], []), (["one\n"], ["one"]), (["on", "e\ntwo"], ["one", "two"]), (["\n\n one\n\n"], [" one"]),
      (["a\r\nb\u{1b}[2J\n"], ["a\\r", "b\\u{1b}[2J"]),
    ] as [([String], [String])])
  func wholeLines(pieces: [String], shown: [String]) {
    #expect(lines(pieces) == shown)
  }

  @Test("A long line is cut")
  func longLine() {
    let shown = lines([String(repeating: "x", count: 100_000), "\nnext\n"])
    #expect(shown == [String(repeating: "x", count: HookOutput.longestLine - 3) + "…", "next"])
  }

  @Test("After the first lines one tells that there were more")
  func manyLines() {
    let shown = lines([String](repeating: "line\n", count: 1_000))
    #expect(shown.count == HookOutput.mostLines + 1)
    #expect(shown.last == "… (no more of it is shown)")
  }

  @Test("It is full after so many bytes")
  func full() {
    var output = HookOutput()
    _ = output.take([UInt8](repeating: 0, count: HookOutput.mostBytes - 1))
    #expect(!output.isFull)
    _ = output.take([0])
    #expect(output.isFull)
  }
}
