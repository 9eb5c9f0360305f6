import Testing

@testable import oncilla
@testable import OverlayCore
@testable import OverlayIO

/// The manual page and `--help` are written apart and say the same.
@Suite("Manual page")
struct ManualTests {
  /// An entry of the page: a tag such as `--mtu N` and the plain words below it.
  struct Entry: Equatable {
    let section: String
    let tag: String
    let text: String
  }

  let entries: [Entry]
  let page: String

  init() throws {
    page = try RepositoryFile.read("man/oncilla.1")
    entries = ManualTests.entries(of: page)
  }

  @Test("it has every option of run in the table's order, with the same value and the same default")
  func runOptions() {
    let documented = entries.filter { $0.section == "Options of oncilla run" }
    #expect(documented.map(\.tag) == RunOptions.all.map(\.synopsis))
    for (entry, option) in zip(documented, RunOptions.all) {
      #expect(entry.defaultValue == option.defaultValue, "\(option.name)")
      #expect(entry.text.contains("Repeatable") == option.isRepeatable, "\(option.name)")
    }
  }

  @Test("it tells the range of every setting that has one")
  func ranges() throws {
    for setting in Setting.all {
      let documented = entries.first {
        $0.section == "Options of oncilla run" && $0.tag.words.first == "--" + setting.name
      }
      let entry = try #require(documented, "\(setting.name)")
      switch setting.kind {
      case .number(let range, _): #expect(entry.text.contains(range.inWords), "\(setting.name)")
      case .form(_, let bytes?):
        let isBounded = entry.text.contains(bytes.inWords) || entry.text.contains("at most \(bytes.upperBound) bytes")
        #expect(isBounded, "\(setting.name)")
      case .word(let words): #expect(entry.tag.words.last == words.joined(separator: "|"), "\(setting.name)")
      case .flag: #expect(entry.tag.words.count == 1, "\(setting.name)")
      case .form(_, nil): break
      }
    }
  }

  /// Commands whose options are those of another one, which the page tells once.
  static let alike = [
    "peers": "status", "routes": "status", "neighbours": "status", "names": "status", "resolve": "status",
    "monitor": "status", "reload": "status",
    "revoke": "join",
  ]

  @Test("it has every option of every other command in its order", arguments: Command.all.map(\.name))
  func options(command: String) throws {
    guard command != Command.run.name else { return }
    let section = "Options of oncilla " + ManualTests.alike[command, default: command]
    let documented = entries.filter { $0.section == section }
    let rows = try Command.named(command).optionRows
    #expect(documented.map(\.tag) == rows.map { row in row.placeholder.map { "\(row.name) \($0)" } ?? row.name })
    for (entry, row) in zip(documented, rows) {
      #expect(entry.text.contains("Repeatable") == row.isRepeatable, "\(row.name)")
      #expect(entry.defaultValue == row.defaultValue, "\(row.name)")
    }
  }

  @Test("commands whose options are told once have the same")
  func alike() throws {
    for (command, other) in ManualTests.alike {
      #expect(try Command.named(command).optionRows.map(\.text) == Command.named(other).optionRows.map(\.text))
    }
  }

  @Test("the synopsis has every command")
  func synopsis() throws {
    let parts = page.split(separator: ".SH ").filter { $0.hasPrefix("SYNOPSIS") }
    let words = ManualTests.plain(Substring(try #require(parts.first))).split { !$0.isLetter && $0 != "-" }
    for command in Command.all { #expect(words.contains(Substring(command.name)), "\(command.name)") }
  }

  @Test("it has everything that doctor looks at, in order")
  func doctor() {
    #expect(entries.filter { $0.section == "CHECKS" }.map(\.tag) == Check.Subject.allCases.map(\.rawValue))
  }

  @Test("it has every metric and no other")
  func metrics() {
    let status = HostMetrics.text(of: nil, HostMetrics.Facts(started: 0, showsPeers: true))
    let names = status.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] }
    let documented = page.split(separator: "\n").map { $0.prefix { $0 != " " && $0 != "{" } }
    #expect(
      documented.filter { $0.hasPrefix("oncilla_") && $0 != "oncilla_link_drops_total" }.sorted() == names.sorted())
  }

  @Test("the help text has every option with its value and its default")
  func help() {
    let words = { (text: String) in text.split { $0 == " " || $0 == "\n" }.joined(separator: " ") }
    let text = words(Command.run.helpText)
    for option in RunOptions.all {
      let expected = [option.synopsis, words(option.summary), option.defaultValue.map { "(default: \($0))" }]
      #expect(text.contains(expected.compactMap { $0 }.joined(separator: " ")))
    }
  }

  @Test("it has every command, exit status and signal")
  func rest() {
    #expect(entries.filter { $0.section == "COMMANDS" }.map(\.tag) == Command.all.map { "oncilla \($0.name)" })
    #expect(
      entries.filter { $0.section == "EXIT STATUS" }.map(\.tag) == ["0", "1", "2", "3", "4", "5", "6", "7", "124"])
    #expect(entries.filter { $0.section == "SIGNALS" }.map(\.tag) == ["SIGTERM, SIGINT", "SIGHUP", "SIGUSR1"])
    #expect(page.contains("\"\(Command.versionLine.dropLast())\""))
  }

  @Test("it explains every counter that a report can show, in their order and as the source does")
  func counters() throws {
    let source = try RepositoryFile.read("Sources/OverlayCore/Basics/Counters.swift")
    let comments = ManualTests.comments(of: source)
    let documented = entries.filter { $0.section == "COUNTERS" }
    #expect(documented.map(\.tag) == Counter.allCases.map { "\($0)" }, "a .TP for each, in man/oncilla.1, COUNTERS")
    for entry in documented {
      #expect(entry.text == comments[entry.tag], "man/oncilla.1, COUNTERS, has the comment of \(entry.tag)")
    }
  }

  /// The comment above each case of an enumeration, on a line and without marks.
  static func comments(of source: String) -> [String: String] {
    var comments: [String: String] = [:]
    var lines: [String] = []
    for line in source.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("  /// ") {
        lines.append(String(line.dropFirst("  /// ".count)))
        continue
      }
      if line.hasPrefix("  case ") {
        comments[String(line.dropFirst("  case ".count))] = lines.joined(separator: " ").filter { $0 != "`" }
      }
      lines = []
    }
    return comments
  }

  /// The tagged paragraphs of a page written with man(7).
  static func entries(of page: String) -> [Entry] {
    var entries: [Entry] = []
    var section = ""
    var tag: String?
    var text: [String] = []
    var isTag = false
    func finish() {
      if let tag { entries.append(Entry(section: section, tag: tag, text: text.joined(separator: " "))) }
      (tag, text) = (nil, [])
    }
    for line in page.split(separator: "\n") {
      if isTag {
        (tag, isTag) = (plain(line), false)
      } else if line == ".TP" {
        finish()
        isTag = true
      } else if line.hasPrefix(".SH") || line.hasPrefix(".SS") {
        finish()
        section = plain(line)
      } else if tag != nil {
        text.append(plain(line))
      }
    }
    finish()
    return entries
  }

  /// A line without its macro, its quotes and its escapes.
  static func plain(_ line: Substring) -> String {
    var rest = line
    if rest.hasPrefix(".") { rest = rest.drop { $0 != " " }.dropFirst() }
    // Macros that alternate two fonts join their arguments without a space.
    let alternates = ["BR", "BI", "IR", "RB", "RI", "IB"].contains(line.dropFirst().prefix(2))
    var text = ""
    var isQuoted = false
    while let character = rest.popFirst() {
      switch character {
      case "\\":
        if rest.popFirst() == "f" { rest.removeFirst() } else { text.append("-") }
      case "\"": isQuoted.toggle()
      case " " where alternates && !isQuoted: break
      default: text.append(character)
      }
    }
    return text
  }
}

extension ManualTests.Entry {
  /// What stands between `Default: ` and the full stop at the end.
  var defaultValue: String? {
    let parts = text.split(separator: "Default: ", omittingEmptySubsequences: false)
    return parts.count == 2 ? String(parts[1].dropLast()) : nil
  }
}

extension String {
  /// What stands between spaces.
  fileprivate var words: [String] { split(separator: " ").map(String.init) }
}

extension ClosedRange<Int> {
  /// The range as texts tell it: `1 to 8`.
  fileprivate var inWords: String { "\(lowerBound) to \(upperBound)" }
}
