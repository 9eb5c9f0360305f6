import CNcurses

/// The owner of the terminal while something is drawn on it. It is given back as it was.
struct Screen: ~Copyable {
  /// Why there is none.
  enum Failure: Error {
    /// ncurses is not installed.
    case noLibrary
    /// The terminal is of a kind that ncurses does not know.
    case unknownTerminal
  }

  /// Takes the terminal of standard input and output.
  init(hasColors: Bool) throws(Failure) {
    switch Int(oncilla_screen_open(hasColors)) {
    case ONCILLA_SCREEN_OPEN: break
    case ONCILLA_SCREEN_NO_LIBRARY: throw .noLibrary
    default: throw .unknownTerminal
    }
  }

  deinit { oncilla_screen_close() }

  /// Whether the terminal shows more than ASCII, as far as the locale tells.
  static var isUnicode: Bool { oncilla_screen_is_utf8() }

  /// The size now.
  var size: (rows: Int, columns: Int) {
    var (rows, columns) = (Int32(0), Int32(0))
    oncilla_screen_size(&rows, &columns)
    return (Int(rows), Int(columns))
  }

  /// Shows these lines and nothing else.
  func show(_ lines: [TopLine]) {
    oncilla_screen_begin()
    for (row, line) in lines.enumerated() {
      var column = 0
      for piece in line.pieces {
        oncilla_screen_put(Int32(clamping: row), Int32(clamping: column), Int32(piece.style.rawValue), piece.text)
        column += piece.text.count
      }
    }
    oncilla_screen_show()
  }

  /// Waits for a key at most so long; `nil` if none came.
  func key(milliseconds: Int) -> TopKey? {
    let key = Int(oncilla_screen_key(Int32(clamping: milliseconds)))
    switch key {
    case ONCILLA_KEY_NONE: return nil
    case ONCILLA_KEY_UP: return .up
    case ONCILLA_KEY_DOWN: return .down
    case ONCILLA_KEY_LEFT: return .left
    case ONCILLA_KEY_RIGHT: return .right
    case ONCILLA_KEY_PAGE_UP: return .pageUp
    case ONCILLA_KEY_PAGE_DOWN: return .pageDown
    case ONCILLA_KEY_HOME: return .home
    case ONCILLA_KEY_END: return .end
    case ONCILLA_KEY_RESIZE: return .resized
    default: return UInt32(exactly: key).flatMap(Unicode.Scalar.init).map { .character(Character($0)) } ?? .other
    }
  }
}
