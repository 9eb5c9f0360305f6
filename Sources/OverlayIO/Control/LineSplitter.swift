/// Finds the lines in the bytes of a stream, which come in any pieces. It holds at most `longest` bytes of a line, a
/// carriage return, and what came behind it in the same piece.
struct LineSplitter {
  /// The next line.
  enum Next: Equatable {
    /// A line, without its end. A carriage return before the end is not part of it.
    case line(ArraySlice<UInt8>)
    /// No whole line is there.
    case incomplete
    /// The line that has begun is longer than is accepted.
    case tooLong
  }

  private let longest: Int
  private var bytes: [UInt8] = []
  // The first byte that was not taken, and the first in which no end was looked for.
  private var start = 0
  private var unseen = 0

  /// Makes a splitter for lines of at most so many bytes.
  init(longest: Int) { self.longest = longest }

  /// Whether a line has begun and not ended.
  var isInLine: Bool { start < bytes.count }

  /// The number of bytes that wait.
  var count: Int { bytes.count - start }

  /// Takes more bytes.
  mutating func append(_ more: some Collection<UInt8>) {
    if start > 0 {
      bytes.removeFirst(start)
      (start, unseen) = (0, unseen - start)
    }
    bytes += more
  }

  /// Takes the next line.
  mutating func next() -> Next {
    guard let end = bytes[unseen...].firstIndex(of: UInt8(ascii: "\n")) else {
      unseen = bytes.count
      // A carriage return at the end may be that before the line's end.
      if count - (bytes.last == UInt8(ascii: "\r") ? 1 : 0) > longest { return .tooLong }
      if !isInLine {
        // What a long line took is given back.
        bytes = []
        (start, unseen) = (0, 0)
      }
      return .incomplete
    }
    var line = bytes[start..<end]
    (start, unseen) = (end + 1, end + 1)
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    return line.count > longest ? .tooLong : .line(line)
  }
}
