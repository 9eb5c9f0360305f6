/// Puts the bytes of Tor's control port together to replies, however they are split (control-spec section 2.3):
///
///     250-text CRLF        a line with more lines after it
///     250+text CRLF        the same, and data follows: lines, each "." at the start of one doubled, up to a lone "."
///     250 text CRLF        the last line
///
/// They are bytes of a stranger: whatever is not of this form, or too long, is an error, after which nothing can be
/// read. They may be a secret, too: what they were kept in is overwritten.
struct TorControlReplyParser {
  /// How many bytes a line has at most, without its end.
  static let longestLine = 16 << 10
  /// How many bytes a reply has at most, with all ends of lines.
  static let largestReply = 256 << 10

  private static let lineFeed = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")

  // The line whose end has not come.
  private var line = WipedBytes(capacity: TorControlReplyParser.longestLine + 2)
  // The reply whose end has not come.
  private var lines: [TorControlReply.Line] = []
  private var status: Int?
  private var isInData = false
  private var size = 0

  /// Takes bytes from the front of `bytes`, up to the end of a reply. It returns `nil` if all are taken and a reply is
  /// not complete.
  mutating func next(_ bytes: inout ArraySlice<UInt8>) throws(TorControlError) -> TorControlReply? {
    while let end = bytes.firstIndex(of: TorControlReplyParser.lineFeed) {
      try take(bytes[bytes.startIndex...end])
      bytes = bytes[(end + 1)...]
      if let reply = try endLine() { return reply }
    }
    try take(bytes)
    bytes = bytes[bytes.endIndex...]
    return nil
  }

  private mutating func take(_ bytes: ArraySlice<UInt8>) throws(TorControlError) {
    size += bytes.count
    // A copy of the parser has lines of its own.
    if !isKnownUniquelyReferenced(&line) { line = line.copy() }
    guard size <= TorControlReplyParser.largestReply, line.append(bytes) else { throw .tooLong }
  }

  private mutating func endLine() throws(TorControlError) -> TorControlReply? {
    let line = line
    defer { line.wipe() }
    return try line.withBytes { (bytes) throws(TorControlError) in
      var text = bytes.dropLast()
      guard text.popLast() == TorControlReplyParser.carriageReturn, !text.contains(TorControlReplyParser.carriageReturn)
      else { throw .malformed("the end of a line") }
      if isInData { return takeData(text) }
      return try takeLine(text)
    }
  }

  private mutating func takeData(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> TorControlReply? {
    let period = UInt8(ascii: ".")
    if text.elementsEqual([period]) {
      isInData = false
    } else {
      lines[lines.count - 1].data?.append(WipedBytes(text.first == period ? text.dropFirst() : text))
    }
    return nil
  }

  private mutating func takeLine(
    _ text: Slice<UnsafeBufferPointer<UInt8>>
  ) throws(TorControlError) -> TorControlReply? {
    guard text.count >= 4, let number = Int(decimal: ControlText.string(text.prefix(3))), number >= 200 else {
      throw .malformed("a status")
    }
    guard status ?? number == number else { throw .malformed("a reply of several statuses") }
    let rest = text.dropFirst(4)
    switch text[text.startIndex + 3] {
    case UInt8(ascii: " "):
      let reply = TorControlReply(status: number, lines: lines + [TorControlReply.Line(text: rest)])
      lines = []
      status = nil
      size = 0
      return reply
    case UInt8(ascii: "-"):
      lines.append(TorControlReply.Line(text: rest))
    case UInt8(ascii: "+"):
      lines.append(TorControlReply.Line(text: rest, data: []))
      isInData = true
    default:
      throw .malformed("what follows a status")
    }
    status = number
    return nil
  }
}
