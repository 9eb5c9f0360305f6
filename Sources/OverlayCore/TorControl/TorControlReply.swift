/// A reply of Tor's control port, or an event that it tells unasked (control-spec section 2.3).
struct TorControlReply: Equatable, Sendable {
  /// A line of the reply, and the lines of data that follow it, if it announces any.
  struct Line: Equatable, Sendable {
    /// What follows the status, without the line's end.
    var text: [UInt8]
    /// The lines of data, unstuffed; `nil` if none were announced.
    var data: [[UInt8]]?
  }

  /// The status of three digits, the same in all lines.
  let status: Int
  /// The lines, at least one.
  let lines: [Line]

  /// Whether it was told unasked.
  var isEvent: Bool { status / 100 == 6 }
  /// Whether it says that what was asked is done.
  var isPositive: Bool { status / 100 == 2 }

  /// What the last line says, for an error.
  var closingText: String { ControlText.string(lines.last?.text ?? []) }

  /// The value of `key` in a line `key=value`, or in the data of a line `key=`.
  func value(of key: String) -> [UInt8]? {
    let start = Array(key.utf8) + [UInt8(ascii: "=")]
    guard let line = lines.first(where: { $0.text.starts(with: start) }) else { return nil }
    return line.data.map { Array($0.joined(separator: [UInt8(ascii: "\n")])) } ?? Array(line.text[start.count...])
  }
}
