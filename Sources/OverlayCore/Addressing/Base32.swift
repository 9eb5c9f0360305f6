/// The base32 of onion names: the alphabet of RFC 4648 section 6 in lower case, without padding.
enum Base32 {
  private static let alphabet: [UInt8] = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

  /// Returns the text of `bytes`: eight characters for every five bytes. Zero bits fill up the last group.
  static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var characters: [UInt8] = []
    var accumulator: UInt32 = 0
    var bits = 0
    for byte in bytes {
      accumulator = accumulator << 8 | UInt32(byte)
      bits += 8
      while bits >= 5 {
        bits -= 5
        characters.append(alphabet[Int(accumulator >> UInt32(bits) & 31)])
      }
    }
    if bits > 0 { characters.append(alphabet[Int(accumulator << UInt32(5 - bits) & 31)]) }
    return String(decoding: characters, as: UTF8.self)
  }

  /// Returns the bytes of `text`, which may be in either case. It is `nil` if `text` holds another character. It is
  /// also `nil` if the bits that fill up the last group are not zero, so that two texts never mean the same bytes.
  static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var accumulator: UInt32 = 0
    var bits = 0
    for character in text {
      guard let value = value(of: character) else { return nil }
      accumulator = accumulator << 5 | UInt32(value)
      bits += 5
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: accumulator >> UInt32(bits)))
      }
    }
    guard bits < 5, accumulator & (1 << UInt32(bits) - 1) == 0 else { return nil }
    return bytes
  }

  private static func value(of character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a")
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
    case UInt8(ascii: "2")...UInt8(ascii: "7"): character - UInt8(ascii: "2") + 26
    default: nil
    }
  }
}
