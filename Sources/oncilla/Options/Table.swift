/// Rows of cells in columns, each as wide as its widest cell. What is last in a row is not filled up.
struct Table {
  private var rows: [[String]]
  private let alignment: [Alignment]
  // What they have had above.
  private var least: [Int]
  private var isContinued = false

  /// Where a cell stands in its column.
  enum Alignment {
    case left, right
  }

  /// Makes a table with these titles.
  init(_ columns: [(title: String, alignment: Alignment)]) {
    rows = [columns.map(\.title)]
    alignment = columns.map(\.alignment)
    least = columns.map { _ in 0 }
  }

  /// Whether there is nothing but the titles.
  var isEmpty: Bool { rows.count == 1 }

  /// Adds a row.
  mutating func add(_ cells: [String]) { rows.append(cells) }

  /// The width of each column.
  private var widths: [Int] {
    alignment.indices.map { column in max(least[column], rows.map { Table.width($0[column]) }.max() ?? 0) }
  }

  /// Drops the rows, so that what follows them is written below, no narrower than they were.
  mutating func goOn() {
    (least, isContinued) = (widths, true)
    rows.removeLast(rows.count - 1)
  }

  /// The text, a line a row. The first is dimmed for a terminal, and left out where the table goes on.
  func text(_ style: Style = .plain) -> String {
    let widths = widths
    var text = ""
    for (number, row) in rows.enumerated() {
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - Table.width(cell))
        line += (column == 0 ? "" : "  ") + (alignment[column] == .left ? cell + padding : padding + cell)
      }
      while line.last == " " { line.removeLast() }
      if number == 0, isContinued { continue }
      text += (number == 0 ? style.dim(line) : line) + "\n"
    }
    return text
  }

  private static func width(_ cell: String) -> Int { cell.count }
}

extension String {
  /// The text with blanks behind it up to so many characters.
  func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

/// Decoration of a text for a terminal, or none.
struct Style {
  /// Whether there is any.
  let isOn: Bool

  /// No decoration.
  static let plain = Style(isOn: false)

  /// Less bright.
  func dim(_ text: String) -> String { wrap(text, "2") }
  /// Bold.
  func bold(_ text: String) -> String { wrap(text, "1") }
  /// As what is in order.
  func good(_ text: String) -> String { wrap(text, "32") }
  /// As what is wrong.
  func bad(_ text: String) -> String { wrap(text, "31") }

  private func wrap(_ text: String, _ code: String) -> String {
    isOn && !text.isEmpty ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
  }
}
