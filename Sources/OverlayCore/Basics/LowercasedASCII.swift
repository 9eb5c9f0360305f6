extension StringProtocol {
  /// The text with `A` to `Z` in lower case. Unicode's lower case would make names of other characters, too: the Kelvin
  /// sign becomes a `k`.
  var lowercasedASCII: String {
    String(decoding: utf8.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
  }
}
