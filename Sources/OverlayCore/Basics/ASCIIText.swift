extension StringProtocol {
  /// The text with `A` to `Z` in lower case. Unicode's lower case would make names of other characters, too: the Kelvin
  /// sign becomes a `k`.
  var lowercasedASCII: String {
    String(decoding: utf8.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
  }
}

extension FixedWidthInteger {
  /// The number that `text` writes in the digits 0 to 9 alone, where the standard library accepts signs too; `nil` if it
  /// writes none, or one that is too large.
  public init?(decimal text: some StringProtocol) {
    guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
    self.init(text)
  }

  /// The same for a number without leading zeroes, which some would read as octal.
  init?(canonical text: some StringProtocol) {
    guard text == "0" || !text.hasPrefix("0") else { return nil }
    self.init(decimal: text)
  }
}
