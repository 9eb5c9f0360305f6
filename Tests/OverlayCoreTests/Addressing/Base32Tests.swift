import Testing

@testable import OverlayCore

@Suite("Base32")
struct Base32Tests {
  /// RFC 4648 section 10, in lower case and without padding.
  static let vectors: [(String, String)] = [
    ("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foob", "mzxw6yq"), ("fooba", "mzxw6ytb"),
    ("foobar", "mzxw6ytboi"),
  ]

  @Test("the vectors of RFC 4648 are written and read", arguments: vectors)
  func vector(plain: String, text: String) {
    #expect(Base32.encode(plain.utf8) == text)
    #expect(Base32.decode(text.utf8) == Array(plain.utf8))
    #expect(Base32.decode(text.uppercased().utf8) == Array(plain.utf8))
  }

  @Test("every byte value survives at every place of a group")
  func everyByte() {
    for place in 0..<5 {
      for value in UInt8.min...UInt8.max {
        var bytes = [UInt8](repeating: 0x5a, count: 10)
        bytes[place] = value
        let text = Base32.encode(bytes)
        #expect(text.utf8.count == 16)
        #expect(Base32.decode(text.utf8) == bytes)
      }
    }
  }

  @Test(
    "what is no base32 is refused",
    arguments: ["m0", "m1", "m8", "m9", "my======", "mz xq", "mz-q", "m\u{e9}", "m[", "m`", "m{", "m@", "\u{0}y"])
  func otherCharacters(text: String) {
    #expect(Base32.decode(text.utf8) == nil)
  }

  @Test(
    "a text that ends inside a byte or fills up with ones is refused", arguments: ["a", "mz7w6yr", "mz", "mzxw6yr"])
  func fill(text: String) {
    #expect(Base32.decode(text.utf8) == nil)
  }
}
