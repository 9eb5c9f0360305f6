import CNettle

/// The base64 of RFC 4648 section 4, with its padding, in which Tor writes keys. Nettle computes it.
enum Base64 {
  /// The text of `bytes`.
  static func encode(_ bytes: [UInt8]) -> [UInt8] {
    var text = [CChar](repeating: 0, count: (bytes.count + 2) / 3 * 4)
    nettle_base64_encode_raw(&text, bytes.count, bytes)
    return text.map { UInt8(bitPattern: $0) }
  }

  /// The bytes that `text` means; `nil` if it is not what `encode` makes of any.
  static func decode(_ text: [UInt8]) -> [UInt8]? {
    var context = base64_decode_ctx()
    var bytes = [UInt8](repeating: 0, count: text.count / 4 * 3 + 3)
    var count = bytes.count
    nettle_base64_decode_init(&context)
    let characters = text.map { CChar(bitPattern: $0) }
    guard nettle_base64_decode_update(&context, &count, &bytes, characters.count, characters) == 1,
      nettle_base64_decode_final(&context) == 1
    else { return nil }
    bytes.removeLast(bytes.count - count)
    return encode(bytes) == text ? bytes : nil
  }
}
