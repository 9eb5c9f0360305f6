extension StringProtocol {
  /// The text with `A` to `Z` in lower case. Unicode's lower case would turn other characters into letters of names,
  /// too: the Kelvin sign becomes a `k`.
  var lowercasedASCII: String {
    String(decoding: utf8.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
  }
}

extension FixedWidthInteger {
  /// Reads a number that is written in the digits 0 to 9 alone; the standard library takes signs, too. It is `nil` for
  /// any other text, and for a number that is too large.
  public init?(decimal text: some StringProtocol) {
    guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
    self.init(text)
  }

  /// Reads a number as above. It is also `nil` for one with leading zeroes, which some programs read as octal.
  init?(canonical text: some StringProtocol) {
    guard text == "0" || !text.hasPrefix("0") else { return nil }
    self.init(decimal: text)
  }
}

extension UInt8 {
  /// The value of the hexadecimal digit that this character of ASCII is, in either case; `nil` if it is none.
  var hexadecimalValue: UInt8? {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

extension [UInt8] {
  /// The bytes that hexadecimal digits write, two each; `nil` for anything else.
  init?(hexadecimal digits: [UInt8]) {
    guard digits.count % 2 == 0 else { return nil }
    self = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = digits[index].hexadecimalValue, let low = digits[index + 1].hexadecimalValue else { return nil }
      append(high << 4 | low)
    }
  }
}
