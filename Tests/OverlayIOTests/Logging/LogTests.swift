import Testing

@testable import OverlayCore
@testable import OverlayIO

@Suite("Log")
struct LogTests {
  /// A sink that keeps its lines, or refuses them.
  final class Memory: LogSink {
    var lines: [String] = []
    var isFull = false

    func write(_ level: LogLevel, _ line: String) -> Bool {
      if !isFull { lines.append("\(level.name) \(line)") }
      return !isFull
    }

    func reopen() throws(SystemError) { throw SystemError(call: "open log", number: 2) }
  }

  let sink = Memory()

  @Test("only lines up to the level are written, the others are not even made", arguments: LogLevel.allCases)
  func level(level: LogLevel) {
    let log = Log(level: level, sink: sink)
    var made = 0
    func text(_ name: String) -> String {
      made += 1
      return name
    }
    log.error(text("e"))
    log.warning(text("w"))
    log.notice(text("n"))
    log.info(text("i"))
    log.debug(text("d"))
    let expected = ["error e", "warning w", "notice n", "info i", "debug d"].prefix(level.rawValue - 2)
    #expect(sink.lines == Array(expected))
    #expect(made == expected.count)
  }

  @Test("a stranger's bytes cannot forge a line")
  func forged() {
    Log(level: .notice, sink: sink).notice("name \u{1b}[31mx\nerror: all is lost\r\0")
    #expect(sink.lines == ["notice name \\u{1b}[31mx\\nerror: all is lost\\r\\u{0}"])
  }

  @Test("the commands that a line advises are for the daemon's instance")
  func advice() throws {
    let instance = try Instance("office")
    Log(level: .notice, advised: instance.advised, sink: sink).notice("'oncilla lookup-key' makes it")
    #expect(sink.lines == ["notice 'oncilla -i office lookup-key' makes it"])
  }

  @Test("a line has its longest length")
  func long() {
    let log = Log(level: .notice, sink: sink)
    log.notice(String(repeating: "a", count: 100_000))
    log.notice(String(repeating: "\u{1}", count: 100_000))
    log.notice(String(repeating: "é", count: 100_000))
    #expect(sink.lines.count == 3)
    #expect(sink.lines.allSatisfy { $0.utf8.count <= Log.longestLine + "notice ".utf8.count && $0.hasSuffix("…") })
  }

  @Test("lines that are lost are counted and told once somebody listens again")
  func lost() {
    let log = Log(level: .notice, sink: sink)
    sink.isFull = true
    log.notice("one")
    log.notice("two")
    log.debug("not counted")
    #expect(log.lost == 2)
    sink.isFull = false
    log.notice("three")
    log.notice("four")
    #expect(sink.lines == ["warning 2 lines of the log could not be written", "notice three", "notice four"])
    #expect(log.lost == 0)
  }

  @Test("errors go to standard error too, and nothing else does")
  func errors() {
    let errors = Memory()
    let log = Log(level: .debug, sink: sink, errorSink: errors)
    log.error("the end")
    log.warning("w")
    log.notice("n")
    #expect(errors.lines == ["error the end"])
    #expect(sink.lines == ["error the end", "warning w", "notice n"])
    sink.isFull = true
    log.error("on a full disk")
    #expect(errors.lines.last == "error on a full disk")
  }

  @Test("a file that cannot be opened again is told in the old one")
  func reopen() {
    Log(level: .notice, sink: sink).reopen()
    #expect(
      sink.lines == [
        "warning the log could not be opened again and goes on where it was: open log: No such file or directory"
      ])
  }

  @Test(
    "what is unfit for a line is escaped and the rest left alone",
    arguments: [
      ("", ""), ("plain é 日本 \u{1f431}", "plain é 日本 \u{1f431}"), ("a\tb", "a\\tb"),
      ("\u{7f}\u{85}\u{9b}", "\\u{7f}\\u{85}\\u{9b}"),
      ("a\u{202e}b", "a\\u{202e}b"), ("\u{2028}\u{2066}", "\\u{2028}\\u{2066}"), ("e\u{301}\r\n", "e\u{301}\\r\\n"),
    ])
  func singleLine(text: String, line: String) {
    #expect(text.singleLine == line)
  }

  @Test(
    "a text is cut between characters", arguments: [(0, "…"), (3, "…"), (4, "a…"), (5, "a…"), (6, "aé…"), (7, "aéééé")])
  func cut(limit: Int, text: String) {
    #expect("aééé".cut(toBytes: 7) == "aééé")
    #expect("aéééé".cut(toBytes: limit == 7 ? 9 : limit) == text)
  }
}
