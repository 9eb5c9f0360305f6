extension String {
  /// The text as one line of a log: control characters, line separators and marks that turn the direction of
  /// writing are written as escapes, so that a stranger's bytes can neither forge a line nor steer a terminal.
  public var singleLine: String {
    guard unicodeScalars.contains(where: \.isUnfitForLine) else { return self }
    var line = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "\n": line += "\\n"
      case "\r": line += "\\r"
      case "\t": line += "\\t"
      case _ where scalar.isUnfitForLine: line += "\\u{\(String(scalar.value, radix: 16))}"
      default: line.unicodeScalars.append(scalar)
      }
    }
    return line
  }

  /// What somebody wrote, fit for a part of one line: shortened to `limit` bytes, and then with its escapes.
  public func quotedLine(limit: Int = 120) -> String { cut(toBytes: limit).singleLine }

  /// The text, or as many of its characters as fit into `limit` bytes with an ellipsis after them.
  public func cut(toBytes limit: Int) -> String {
    guard utf8.count > limit else { return self }
    var end = utf8.index(utf8.startIndex, offsetBy: Swift.max(0, limit - "…".utf8.count))
    while end.samePosition(in: unicodeScalars) == nil, end > utf8.startIndex { end = utf8.index(before: end) }
    return self[..<end] + "…"
  }
}

extension Unicode.Scalar {
  fileprivate var isUnfitForLine: Bool {
    switch value {
    case 0..<0x20, 0x7f..<0xa0: true  // C0, DELETE, C1
    case 0x061c, 0x200e, 0x200f, 0x202a...0x202e, 0x2066...0x2069: true  // direction
    case 0x2028, 0x2029: true  // line and paragraph separator
    default: false
    }
  }
}
