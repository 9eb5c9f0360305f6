import CJansson

extension JSONValue {
  /// The text of the value in UTF-8, in one line and without blanks. Equal values have the same text.
  public var bytes: [UInt8] {
    guard let json else { return [] }
    defer { json_decref(json) }
    var bytes: [UInt8] = []
    let flags = JSON_COMPACT | JSON_ENCODE_ANY
    withUnsafeMutablePointer(to: &bytes) { pointer in
      _ = json_dump_callback(
        json,
        { piece, count, context in
          guard let piece, let context else { return -1 }
          context.assumingMemoryBound(to: [UInt8].self).pointee += UnsafeRawBufferPointer(start: piece, count: count)
          return 0
        }, pointer, Int(flags))
    }
    return bytes
  }

  /// The text of the value.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The value in jansson's form, which the caller has to release; `nil` if there is no memory.
  private var json: UnsafeMutablePointer<json_t>? {
    switch self {
    case .null: return json_null()
    case .boolean(let value): return value ? json_true() : json_false()
    case .integer(let number): return json_integer(json_int_t(number))
    case .string(let text):
      // A Swift text is always proper Unicode: jansson need not look.
      var text = text
      return text.withUTF8 { json_stringn_nocheck(JSONValue.characters($0), $0.count) }
    case .array(let values):
      let array = json_array()
      for value in values { json_array_append_new(array, value.json) }
      return array
    case .object(let object):
      let result = json_object()
      for member in object.members {
        var name = member.name
        _ = name.withUTF8 {
          json_object_setn_new_nocheck(result, JSONValue.characters($0), $0.count, member.value.json)
        }
      }
      return result
    }
  }

  private static func characters(_ bytes: UnsafeBufferPointer<UInt8>) -> UnsafePointer<CChar>? {
    UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
  }
}
