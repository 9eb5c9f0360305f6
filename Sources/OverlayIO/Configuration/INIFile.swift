import CInih

/// The lines of a file in the INI format, which inih takes apart: `KEY = VALUE`, `[HEADING]`, and comments after `#` or
/// `;` at the beginning of a line or after a blank.
///
/// inih cuts lines and headings that are too long, passes over what follows a heading, and tells of no heading without
/// keys. So each line is looked at before inih gets it, and headings are told from here.
enum INIFile {
  /// What a line says.
  enum Item: Equatable {
    /// A heading: what follows belongs to it.
    case heading(String)
    /// A key and its value.
    case pair(key: String, value: String)
  }

  /// The longest line in bytes.
  static let longestLine = ONCILLA_INI_LINE - 96

  /// The line that gives `key` this value; `nil` if none does: a comment begins with `#` or `;`, blanks at the ends are
  /// lost, and a line has an end.
  static func line(_ key: String, _ value: String) -> String? {
    let line = "\(key) = \(value)"
    var isSame = false
    try? read(Array(line.utf8), of: "") { item, _ in isSame = item == .pair(key: key, value: value) }
    return isSame ? line : nil
  }

  /// Gives each item of `content` with the number of its line to `take`. Throws what it throws, or what is wrong with
  /// a line of the file, which `path` names.
  static func read(
    _ content: [UInt8], of path: String, take: (Item, _ line: Int) throws(SettingError) -> Void
  ) throws(SettingError) {
    try withoutActuallyEscaping(take) { take throws(SettingError) in
      let lines = INILines(content, of: path, take: take)
      let stream = Unmanaged.passUnretained(lines).toOpaque()
      let result = oncilla_ini_parse(
        { buffer, size, stream in
          guard let stream, let buffer else { return nil }
          let lines = Unmanaged<INILines>.fromOpaque(stream).takeUnretainedValue()
          return lines.next(into: UnsafeMutableRawBufferPointer(start: buffer, count: Int(size))) ? buffer : nil
        }, stream,
        { stream, _, key, value in
          guard let stream, let key, let value else { return 0 }
          let lines = Unmanaged<INILines>.fromOpaque(stream).takeUnretainedValue()
          return lines.found(String(cString: key), String(cString: value)) ? 1 : 0
        }, stream)
      if let error = lines.error { throw error }
      if result > 0 { throw .malformed(.line(path, lines.number), reason: "KEY = VALUE or [peer PETNAME] is accepted") }
      if result < 0 { throw .malformed(.line(path, 1), reason: "there is no memory to read it") }
    }
  }
}

/// The lines of one file while inih reads them.
private final class INILines {
  private(set) var error: SettingError?
  private(set) var number = 0

  private let path: String
  private let take: (INIFile.Item, Int) throws(SettingError) -> Void
  private var rest: ArraySlice<UInt8>

  init(_ content: [UInt8], of path: String, take: @escaping (INIFile.Item, Int) throws(SettingError) -> Void) {
    self.path = path
    self.take = take
    // What editors of Windows put before UTF-8.
    rest = content.starts(with: [0xef, 0xbb, 0xbf]) ? content[3...] : content[...]
  }

  /// Copies the next line, with a zero after it, into `buffer`; whether there is one, and nothing is wrong with it.
  func next(into buffer: UnsafeMutableRawBufferPointer) -> Bool {
    guard error == nil, !rest.isEmpty else { return false }
    number += 1
    var line = rest.prefix { $0 != UInt8(ascii: "\n") }
    rest = rest[line.endIndex...].dropFirst()
    if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
    do throws(SettingError) {
      try check(line)
      guard line.count < min(buffer.count, INIFile.longestLine + 1) else {
        throw .malformed(.line(path, number), reason: "a line of at most \(INIFile.longestLine) bytes is accepted")
      }
    } catch {
      self.error = error
      return false
    }
    buffer.copyBytes(from: line)
    buffer[line.count] = 0
    return true
  }

  /// Takes what inih found in the line; whether nothing is wrong with it.
  func found(_ key: String, _ value: String) -> Bool {
    do throws(SettingError) {
      try take(.pair(key: key, value: value), number)
      return true
    } catch {
      self.error = error
      return false
    }
  }

  private func check(_ line: ArraySlice<UInt8>) throws(SettingError) {
    for byte in line where byte != UInt8(ascii: "\t") && (byte < 0x20 || byte == 0x7f) {
      throw .malformed(.line(path, number), reason: "a control character (\(byte)) is not accepted")
    }
    let text = String(decoding: line, as: UTF8.self)
    guard text.utf8.elementsEqual(line) else {
      throw .malformed(.line(path, number), reason: "this is not UTF-8, which is accepted")
    }
    let start = line.drop { INILines.isBlank($0) }
    guard start.first == UInt8(ascii: "[") else { return }
    let name = start.dropFirst().prefix { $0 != UInt8(ascii: "]") }
    let after = start[name.endIndex...].dropFirst().drop { INILines.isBlank($0) }
    let isClosed = name.endIndex < start.endIndex && (after.isEmpty || "#;".utf8.contains(after.first ?? 0))
    guard isClosed else {
      throw .malformed(.line(path, number), reason: "a heading is closed by ']' at its end: [peer PETNAME]")
    }
    try take(.heading(String(decoding: name, as: UTF8.self)), number)
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
}
