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
