/// A key of `oncilla top`.
enum TopKey: Equatable {
  case up, down, left, right, pageUp, pageDown, home, end
  case character(Character)
  /// The terminal has another size.
  case resized
  case other
}

/// What the user has chosen to see.
struct TopView {
  /// The column that the table is sorted by.
  private(set) var sortColumn = TopColumn.peer
  /// Whether it is sorted the other way round.
  private(set) var isReversed = false
  /// Whether the picture stands still.
  private(set) var isPaused = false
  /// Whether the keys are shown in place of the peers.
  private(set) var showsHelp = false
  /// The number of peers above the first that is shown.
  private(set) var offset = 0

  /// Takes a key, where `rows` peers are known and `page` of them can be seen. It returns false if the key ends the
  /// program.
  mutating func take(_ key: TopKey, rows: Int, page: Int) -> Bool {
    switch key {
    // The second is ^C.
    case .character("q"), .character("Q"), .character("\u{3}"): return false
    case .character("s"), .character(">"), .right: moveSort(by: 1)
    case .character("<"), .left: moveSort(by: -1)
    case .character("r"): isReversed.toggle()
    case .character("p"), .character(" "): isPaused.toggle()
    case .character("h"), .character("?"): showsHelp.toggle()
    case .character("\u{1b}"): showsHelp = false
    case .up, .character("k"): offset -= 1
    case .down, .character("j"): offset += 1
    case .pageUp: offset -= page
    case .pageDown: offset += page
    case .home: offset = 0
    case .end: offset = rows
    case .resized, .other, .character: break
    }
    limit(rows: rows, page: page)
    return true
  }

  /// Keeps the last page full, however many peers there are now.
  mutating func limit(rows: Int, page: Int) {
    offset = max(0, min(offset, rows - page))
  }

  private mutating func moveSort(by step: Int) {
    let columns = TopColumn.allCases.filter { $0 != .trouble }
    let index = columns.firstIndex(of: sortColumn) ?? 0
    sortColumn = columns[(index + step + columns.count) % columns.count]
  }
}
