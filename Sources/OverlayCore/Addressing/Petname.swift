/// The short name that an operator gives a peer, such as `alice`: a DNS label (RFC 1035 section 2.3.1, a leading digit
/// allowed as in RFC 1123), lower case.
public struct Petname: Hashable, Sendable, CustomStringConvertible {
  /// The label.
  public let description: String

  /// The petname that `text` writes, in any case; `nil` unless it is 1 to 63 letters, digits and hyphens with no
  /// hyphen at either end.
  public init?(_ text: some StringProtocol) {
    let label = text.lowercasedASCII
    let accepted = label.utf8.allSatisfy { character in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(character)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character) || character == UInt8(ascii: "-")
    }
    guard accepted, (1...63).contains(label.utf8.count), !label.hasPrefix("-"), !label.hasSuffix("-") else {
      return nil
    }
    description = label
  }
}
