/// The decoration of a part of a line.
struct TopStyle: OptionSet {
  let rawValue: Int

  static let bold = TopStyle(rawValue: 1)
  static let dim = TopStyle(rawValue: 2)
  static let reverse = TopStyle(rawValue: 4)
  static let good = TopStyle(rawValue: 8)
  static let bad = TopStyle(rawValue: 16)
  static let waiting = TopStyle(rawValue: 32)
}

/// A line of the screen: pieces from left to right.
struct TopLine: Equatable {
  /// A text with one style.
  struct Piece: Equatable {
    let text: String
    let style: TopStyle
  }

  var pieces: [Piece] = []

  init(_ text: String = "", _ style: TopStyle = []) { add(text, style) }

  mutating func add(_ text: String, _ style: TopStyle = []) {
    if !text.isEmpty { pieces.append(Piece(text: text, style: style)) }
  }

  /// The line without decoration.
  var text: String { pieces.map(\.text).joined() }
}

/// The picture of `oncilla top` for a screen of this size. It is made of values alone.
struct TopLayout {
  let rows: Int
  let columns: Int
  /// Whether the terminal shows more than ASCII.
  let isUnicode: Bool

  /// The lines above the peers, and below them.
  private static let frame = 4

  /// The number of peers that can be seen at once, one at the least.
  var page: Int { max(1, rows - TopLayout.frame) }

  /// Returns the lines of the screen, `rows` at the most, each of `columns` characters at the most.
  func lines(_ model: TopModel, _ view: TopView) -> [TopLine] {
    guard let reading = model.reading else {
      let reason = model.failure ?? "asking the daemon"
      return Array([TopLine(clip(reason), .bad), TopLine(clip("trying again; q ends"), .dim)].prefix(rows))
    }
    var lines = [TopLine(clip(reading.summary), reading.isReady ? [.bold, .good] : [.bold, .waiting])]
    if let failure = model.failure {
      lines.append(TopLine(clip("trying again: \(failure)"), .bad))
    } else {
      lines.append(TopLine(clip(TopLayout.totals(model, reading))))
    }
    if view.showsHelp {
      lines += help.map { TopLine(clip($0)) }
    } else {
      let widths = widths(model.rows)
      lines.append(titles(widths, view))
      let sorted = view.sortColumn.sorted(model.rows, isReversed: view.isReversed)
      let shown = sorted.dropFirst(view.offset).prefix(page)
      lines += shown.map { line(of: $0, widths, isOld: model.failure != nil) }
    }
    // A terminal of three lines or less shows what is most important.
    lines = Array(lines.prefix(max(0, rows > 3 ? rows - 1 : rows)))
    if rows > 3 { lines.append(TopLine(clip(footer(model, view)), .dim)) }
    return lines
  }

  /// Returns what all peers amount to.
  static func totals(_ model: TopModel, _ reading: TopReading) -> String {
    let peers = model.rows.map(\.peer)
    func sum(_ values: some Sequence<UInt64>) -> String { PeerText.bytes(values.reduce(0) { $0 &+ $1 }) }
    let circuits = peers.reduce((out: Int64(0), in: Int64(0))) { ($0.out &+ $1.circuitsOut, $0.in &+ $1.circuitsIn) }
    return [
      "\(peers.count) peer\(peers.count == 1 ? "" : "s"), \(peers.filter { $0.state == "up" }.count) up",
      "in \(sum(model.rows.map(\.rateIn)))/s, out \(sum(model.rows.map(\.rateOut)))/s",
      "\(sum(peers.map(\.received))) received, \(sum(peers.map(\.sent))) sent",
      "circuits \(circuits.out) out, \(circuits.in) in", "runs for \(PeerText.duration(reading.uptime))",
    ].joined(separator: "; ")
  }

  private func titles(_ widths: [(column: TopColumn, width: Int)], _ view: TopView) -> TopLine {
    var line = TopLine()
    for (index, (column, width)) in widths.enumerated() {
      let isSorted = column == view.sortColumn
      line.add(index == 0 ? "" : " ", .dim)
      let text = fit(column.title, width, toTheRight: column.isNumber, isLast: index == widths.count - 1)
      line.add(text, isSorted ? [.bold, .reverse] : .dim)
    }
    return line
  }

  private func line(of row: TopModel.Row, _ widths: [(column: TopColumn, width: Int)], isOld: Bool) -> TopLine {
    var line = TopLine()
    for (index, (column, width)) in widths.enumerated() {
      line.add(index == 0 ? "" : " ")
      let isLast = index == widths.count - 1
      let text =
        switch column {
        case .graph: RateGraph.text(row.history, width: width, isUnicode: isUnicode)
        // Half a time says nothing.
        case .state where row.peer.stateText.count > width:
          fit(row.peer.state, width, toTheRight: false, isLast: isLast)
        case .peer: fit(shortened(row.peer.label, to: width), width, toTheRight: false, isLast: isLast)
        default: fit(column.text(of: row), width, toTheRight: column.isNumber, isLast: isLast)
        }
      line.add(text, isOld ? .dim : style(of: column, row))
    }
    return line
  }

  private func style(of column: TopColumn, _ row: TopModel.Row) -> TopStyle {
    switch column {
    case .state:
      switch row.peer.state {
      case "up": .good
      case "connecting": .waiting
      default: row.peer.hasFailed ? .bad : .dim
      }
    case .graph: .good
    default: []
    }
  }

  private func footer(_ model: TopModel, _ view: TopView) -> String {
    let direction = view.isReversed ? ", reversed" : ""
    var parts = ["q quit", "h help", "< > sort: \(view.sortColumn.title)\(direction)", "r reverse", "p pause"]
    if view.isPaused { parts.insert("PAUSED", at: 0) }
    if !view.showsHelp, model.rows.count > page {
      let last = min(view.offset + page, model.rows.count)
      parts.insert("\(view.offset + 1)-\(last) of \(model.rows.count)", at: view.isPaused ? 1 : 0)
    }
    return parts.joined(separator: "  ")
  }

  private var help: [String] {
    [
      "", "  q             quit", "  < > s         sort by the column before or after; s: after",
      "  r             reverse the order",
      "  p             pause: the picture stands still", "  up, down      scroll; also PageUp, PageDown, Home, End",
      "  h             this help, and back", "",
      "  IN/s and OUT/s are bytes a second from and to the peer, OUT/IN the circuits to it",
      "  and from it. RATE shows both rates together, the newest at the right; a full",
      "  bar is the greatest that can be seen of this peer, 2 kB/s at the least.",
    ]
  }

  /// The columns that have room, in the order of the table, and how wide each is.
  private func widths(_ peers: [TopModel.Row]) -> [(column: TopColumn, width: Int)] {
    var chosen: [TopColumn: Int] = [:]
    let longest = peers.map(\.peer.label.count).max() ?? 0
    var room = columns + 1
    for column in TopColumn.byImportance {
      let width = column == .peer ? max(column.width, min(longest, 16)) : column.width
      guard width < room else { break }
      chosen[column] = width
      room -= width + 1
    }
    // A terminal that is too narrow for a name shows what it can of it.
    if chosen.isEmpty { return [(.peer, max(1, columns))] }
    /// Takes up to `most` of the room for a column.
    func widen(_ column: TopColumn, to most: Int) {
      guard let width = chosen[column], room > 0 else { return }
      let more = min(room, max(0, most - width))
      chosen[column] = width + more
      room -= more
    }
    widen(.peer, to: min(longest, 24))
    widen(.graph, to: 20)
    widen(.state, to: peers.map(\.peer.stateText.count).max() ?? 0)
    widen(.trouble, to: peers.map(\.peer.trouble.count).max() ?? 0)
    widen(.graph, to: TopModel.longestHistory)
    widen(.peer, to: longest)
    return TopColumn.allCases.compactMap { column in chosen[column].map { (column, $0) } }
  }

  /// A label in so many characters. The end is what tells addresses apart.
  private func shortened(_ label: String, to width: Int) -> String {
    guard label.count > width else { return label }
    return (isUnicode ? "…" : "~") + label.suffix(max(0, width - 1))
  }

  private func fit(_ text: String, _ width: Int, toTheRight: Bool, isLast: Bool) -> String {
    let text = clip(text, to: width)
    let padding = String(repeating: " ", count: max(0, width - text.count))
    if toTheRight { return padding + text }
    return isLast ? text : text + padding
  }

  private func clip(_ text: String) -> String { clip(text, to: columns) }

  private func clip(_ text: String, to width: Int) -> String {
    let text = isUnicode ? text : String(text.map { $0.isASCII ? $0 : "?" })
    guard text.count > width else { return text }
    return text.prefix(max(0, width - 1)) + (width < 1 ? "" : isUnicode ? "…" : "~")
  }
}
