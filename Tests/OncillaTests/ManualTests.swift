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

  @Test("it has every option of check-config")
  func checkOptions() {
    let documented = entries.filter { $0.section == "Options of oncilla check-config" }
    #expect(documented.map(\.tag) == CheckDraft.options.map(\.synopsis))
  }

  @Test("it has every option of status")
  func statusOptions() {
    let documented = entries.filter { $0.section == "Options of oncilla status" }
    #expect(documented.map(\.tag) == ReadingOptions.options.map(\.synopsis))
  }

  @Test("it has every option of the commands that ask the daemon and have their own")
  func clientOptions() {
    let documented = { (section: String) in entries.filter { $0.section == "Options of oncilla \(section)" }.map(\.tag)
    }
    #expect(documented("peer") == PeerDraft.options.map(\.synopsis))
    #expect(documented("ping") == PingDraft.options.map(\.synopsis))
    #expect(documented("wait") == WaitDraft.options.map(\.synopsis))
  }

  @Test("it has every option of doctor, and everything that it looks at, in order")
  func doctor() {
    let documented = entries.filter { $0.section == "Options of oncilla doctor" }
    #expect(documented.map(\.tag) == DoctorDraft.options.map(\.synopsis))
    #expect(entries.filter { $0.section == "CHECKS" }.map(\.tag) == Check.Subject.allCases.map(\.rawValue))
  }

  @Test("it has every option of setup and invite")
  func setupOptions() {
    for (section, synopses) in [
      ("Options of oncilla setup", SetupDraft.options.map(\.synopsis)),
      ("Options of oncilla invite", InviteDraft.options.map(\.synopsis)),
    ] {
      #expect(entries.filter { $0.section == section }.map(\.tag) == synopses)
    }
  }

  @Test("it has every option of metrics")
  func metricsOptions() {
    let documented = entries.filter { $0.section == "Options of oncilla metrics" }
    #expect(documented.map(\.tag) == MetricsOptions.options.map(\.synopsis))
  }

  @Test("it has every metric and no other")
  func metrics() {
    let status = HostMetrics.text(of: nil, HostMetrics.Facts(started: 0, showsPeers: true))
    let names = status.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] }
    let documented = page.split(separator: "\n").map { $0.prefix { $0 != " " && $0 != "{" } }
    #expect(
      documented.filter { $0.hasPrefix("oncilla_") && $0 != "oncilla_link_drops_total" }.sorted() == names.sorted())
  }

  @Test("it has every option of exec and bugreport")
  func otherOptions() {
    let documented = { (section: String) in entries.filter { $0.section == "Options of oncilla \(section)" }.map(\.tag)
    }
    #expect(documented("exec") == ExecDraft.options.map(\.synopsis))
    #expect(documented("bugreport") == BugReportDraft.options.map(\.synopsis))
  }

  @Test("it has every option of top")
  func topOptions() {
    let documented = entries.filter { $0.section == "Options of oncilla top" }
    #expect(documented.map(\.tag) == TopDraft.options.map(\.synopsis))
  }

  @Test("it has every option of guard")
  func guardOptions() {
    let documented = entries.filter { $0.section == "Options of oncilla guard" }
    #expect(documented.map(\.tag) == GuardDraft.options.map(\.synopsis))
  }

  @Test("it has every option of identity")
  func identityOptions() {
    let documented = entries.filter { $0.section == "Options of oncilla identity" }
    #expect(documented.map(\.tag) == IdentityDraft.options.map(\.synopsis))
  }

  @Test("it has every option of address")
  func addressOptions() {
    let documented = entries.filter { $0.section == "Options of oncilla address" }
    #expect(documented.map(\.tag) == AddressDraft.options.map(\.synopsis))
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
