/// What a hook writes, as lines for the log: the first lines of it, each cut to a bound.
struct HookOutput {
  /// The greatest number of lines that are shown.
  static let mostLines = 32
  /// The greatest number of bytes of a line that are shown.
  static let longestLine = 400
  /// The greatest number of bytes that are read. A hook that writes more finds nobody who reads.
  static let mostBytes = 1 << 20

  private var line: [UInt8] = []
  private var lineCount = 0
  private var byteCount = 0
  private var isShortened = false

  /// Whether no more is to be read.
  var isFull: Bool { byteCount >= HookOutput.mostBytes }

  /// Takes bytes, and returns the lines that are whole now and are to be shown.
  mutating func take(_ bytes: some Collection<UInt8>) -> [String] {
    byteCount += bytes.count
    var lines: [String] = []
    for byte in bytes {
      if lineCount >= HookOutput.mostLines {
        if !isShortened { lines.append("… (no more of it is shown)") }
        isShortened = true
        break
      }
      if byte == UInt8(ascii: "\n") {
        if let text = finish() { lines.append(text) }
      } else if line.count <= HookOutput.longestLine {
        line.append(byte)
      }
    }
    return lines
  }

  /// Returns the last line, if it has no end; `nil` if there is none.
  mutating func finish() -> String? {
    defer { line = [] }
    guard !line.isEmpty, lineCount < HookOutput.mostLines else { return nil }
    lineCount += 1
    return String(decoding: line, as: UTF8.self).quotedLine(limit: HookOutput.longestLine)
  }
}
