/// A reply of Tor's control port, or an event that it tells unasked (control-spec section 2.3). It may hold the key of
/// an onion service that Tor has made, so that its memory is overwritten after use.
struct TorControlReply: Equatable, Sendable {
  /// A line of the reply, and the lines of data that follow it, if it announces any.
  struct Line: Equatable, Sendable {
    /// What follows the status, without the line's end.
    var text: WipedBytes
    /// The lines of data, unstuffed; `nil` if none were announced.
    var data: [WipedBytes]?

    /// A line of this text, and of no data or these lines of it.
    init(text: some Collection<UInt8>, data: [[UInt8]]? = nil) {
      self.text = WipedBytes(text)
      self.data = data?.map { WipedBytes($0) }
    }

    /// The words of the text.
    var words: ControlWords { text.withBytes { ControlWords($0) } }
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
  var closingText: String { lines.last?.text.withBytes { ControlText.string($0) } ?? "" }

  /// The value of `key` in a line `key=value`, or in the data of a line `key=`. Whoever takes a secret wipes it.
  func value(of key: String) -> [UInt8]? {
    let start = Array(key.utf8) + [UInt8(ascii: "=")]
    guard let line = lines.first(where: { $0.text.withBytes { $0.starts(with: start) } }) else { return nil }
    guard let data = line.data else { return line.text.withBytes { Array($0.dropFirst(start.count)) } }
    var value: [UInt8] = []
    value.reserveCapacity(data.reduce(0) { $0 + $1.count + 1 })
    for (place, line) in data.enumerated() {
      if place > 0 { value.append(UInt8(ascii: "\n")) }
      line.withBytes { value += $0 }
    }
    return value
  }
}
