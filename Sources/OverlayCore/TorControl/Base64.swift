import CNettle

/// The base64 of RFC 4648 section 4, with its padding, in which Tor writes keys. Nettle computes it.
enum Base64 {
  /// The text of `bytes`.
  static func encode(_ bytes: [UInt8]) -> [UInt8] {
    let count = (bytes.count + 2) / 3 * 4
    return [UInt8](unsafeUninitializedCapacity: count) { text, written in
      if let start = text.baseAddress {
        start.withMemoryRebound(to: CChar.self, capacity: count) { nettle_base64_encode_raw($0, bytes.count, bytes) }
      }
      written = count
    }
  }

  /// The bytes that `text` means; `nil` if it is not what `encode` makes of any.
  static func decode(_ text: [UInt8]) -> [UInt8]? {
    var context = base64_decode_ctx()
    var bytes = [UInt8](repeating: 0, count: text.count / 4 * 3 + 3)
    var count = bytes.count
    nettle_base64_decode_init(&context)
    let isTaken = text.withUnsafeBytes { characters in
      nettle_base64_decode_update(
        &context, &count, &bytes, characters.count, characters.assumingMemoryBound(to: CChar.self).baseAddress) == 1
    }
    guard isTaken, nettle_base64_decode_final(&context) == 1 else {
      bytes.wipe()
      return nil
    }
    bytes.removeLast(bytes.count - count)
    var again = encode(bytes)
    defer { again.wipe() }
    if again == text { return bytes }
    bytes.wipe()
    return nil
  }
}
