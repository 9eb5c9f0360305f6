/// The texts of Tor's control port.
enum ControlText {
  /// How many bytes of a text of Tor's are kept for the operator.
  static let longest = 200

  /// The bytes as a text, for comparisons.
  static func string(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

  /// The bytes as a text for the operator: bounded.
  static func told(_ bytes: some Sequence<UInt8>) -> String { string(bytes.prefix(longest)) }

  /// The bytes in hexadecimal digits.
  static func hexadecimal(_ bytes: [UInt8]) -> [UInt8] {
    let digits = Array("0123456789ABCDEF".utf8)
    return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
  }
}

/// The words of a line of Tor's control port: `WORD KEY=VALUE KEY="QUOTED VALUE"`, in their order.
struct ControlWords {
  /// The words without a key, and the values without quotes.
  private(set) var words: [(key: String, value: [UInt8])] = []

  private static let mostWords = 64

  /// Reads a line. What cannot be read, such as a quote that does not end, ends the line.
  init(_ line: some Collection<UInt8>) {
    var rest = Array(line)[...]
    while words.count < ControlWords.mostWords {
      rest = rest.drop { $0 == UInt8(ascii: " ") }
      guard !rest.isEmpty else { return }
      let start = rest.prefix { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: "\"") }
      rest = rest[start.endIndex...]
      var key = ""
      var value = Array(start)
      if rest.first == UInt8(ascii: "=") {
        rest = rest.dropFirst()
        key = ControlText.string(start)
        value = []
      }
      if rest.first == UInt8(ascii: "\""), value.isEmpty {
        guard let text = ControlWords.takeQuoted(&rest) else { return }
        value = text
      } else if !key.isEmpty || rest.first != UInt8(ascii: " ") {
        let text = rest.prefix { $0 != UInt8(ascii: " ") }
        value += text
        rest = rest[text.endIndex...]
      }
      words.append((key, value))
    }
  }

  /// The value of the first word with this key.
  subscript(key: String) -> [UInt8]? { words.first { $0.key == key }?.value }

  /// The word at this place, if it has no key.
  func plain(_ place: Int) -> String? {
    guard words.indices.contains(place), words[place].key.isEmpty else { return nil }
    return ControlText.string(words[place].value)
  }

  /// Takes a text in quotes, with the escapes of C; `nil` if it does not end.
  private static func takeQuoted(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
    rest = rest.dropFirst()
    var text: [UInt8] = []
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\"") { return text }
      guard byte == UInt8(ascii: "\\") else {
        text.append(byte)
        continue
      }
      let octal = rest.prefix(3).prefix { (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }
      if !octal.isEmpty {
        let value = octal.reduce(0) { $0 << 3 | Int($1 - UInt8(ascii: "0")) }
        text.append(UInt8(truncatingIfNeeded: value))
        rest = rest[octal.endIndex...]
        continue
      }
      guard let escaped = rest.popFirst() else { return nil }
      switch escaped {
      case UInt8(ascii: "n"): text.append(UInt8(ascii: "\n"))
      case UInt8(ascii: "r"): text.append(UInt8(ascii: "\r"))
      case UInt8(ascii: "t"): text.append(UInt8(ascii: "\t"))
      default: text.append(escaped)
      }
    }
    return nil
  }
}
