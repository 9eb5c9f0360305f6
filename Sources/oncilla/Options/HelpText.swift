/// The texts of `--help`, 80 columns wide.
enum HelpText {
  /// Where the right-hand column begins.
  static let indent = 25
  private static let width = 80

  /// A line, or several, with `left` at the margin and `right` in its column; a `left` too long for its column
  /// stands on a line of its own.
  static func row(_ left: String, _ right: String, indent: Int = indent) -> String {
    let lines = wrap(right, width: width - indent)
    let margin = String(repeating: " ", count: indent)
    let head = "  " + left
    if head.count + 2 > indent {
      return head + "\n" + lines.map { margin + $0 + "\n" }.joined()
    }
    let first = head + String(repeating: " ", count: indent - head.count) + (lines.first ?? "") + "\n"
    return first + lines.dropFirst().map { margin + $0 + "\n" }.joined()
  }

  /// The row of an option, its default at the end.
  static func row(_ option: Option<some Any>) -> OptionRow {
    // The no-break space keeps the default in one piece; it is written as a plain one.
    let suffix = option.defaultValue.map { " (default:\u{a0}\($0))" } ?? ""
    return OptionRow(
      name: option.name, placeholder: option.placeholder, isRepeatable: option.isRepeatable,
      defaultValue: option.defaultValue, summary: option.summary,
      text: row(option.synopsis, option.summary + suffix))
  }

  /// `text` as a paragraph.
  static func paragraph(_ text: String) -> String {
    wrap(text, width: width).map { $0 + "\n" }.joined()
  }

  /// The words of `text` in lines of at most `width` characters, if no word is longer.
  static func wrap(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, last.count + 1 + word.count <= width {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines.map { String($0.map { $0 == "\u{a0}" ? " " : $0 }) }
  }
}

/// What texts tell of an option, whatever it is read into.
struct OptionRow: Sendable {
  /// With its two hyphens.
  let name: String
  /// What stands for the value in texts; `nil` if the option takes none.
  let placeholder: String?
  /// Whether it may be given more than once.
  let isRepeatable: Bool
  /// The value where it is not given; `nil` if there is none.
  let defaultValue: String?
  /// What it does.
  let summary: String
  /// The lines of the help text.
  let text: String
}
