import CJansson

/// The reason why a text is not accepted as JSON.
public struct JSONError: Error, Equatable, CustomStringConvertible {
  /// What is wrong, and what is accepted, in a line.
  public let description: String
}

extension JSONValue {
  /// The greatest number of bytes of a text.
  public static let longestText = 1 << 20
  /// The greatest number of arrays and objects in each other.
  public static let deepest = 32

  /// Reads one value from UTF-8. It refuses what readers of JSON disagree about: names that occur twice, numbers that
  /// are not whole or do not fit into 64 bits, bytes that are no UTF-8, and anything behind the value.
  public init(
    parsing bytes: some Collection<UInt8>, limit: Int = JSONValue.longestText
  ) throws(JSONError) {
    guard bytes.count <= limit else {
      throw JSONError(description: "at most \(limit) bytes are accepted")
    }
    // jansson takes a zero for the end of the text.
    guard !bytes.contains(0) else { throw JSONError(description: "a zero byte is not accepted") }
    // jansson reads nested values on the stack: the bound has to come first.
    guard !JSONValue.isTooDeep(bytes) else {
      throw JSONError(description: "at most \(JSONValue.deepest) arrays and objects in each other are accepted")
    }
    var failure = json_error_t()
    let flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL
    // A zero at the end gives an empty text an address, too.
    let root = (Array(bytes) + [0]).withUnsafeBytes { buffer in
      buffer.baseAddress.flatMap {
        json_loadb($0.assumingMemoryBound(to: CChar.self), buffer.count - 1, Int(flags), &failure)
      }
    }
    guard let root else { throw JSONError(description: JSONValue.text(of: failure)) }
    defer { json_decref(root) }
    self = try JSONValue.value(of: root)
  }

  /// Returns whether more brackets are open at once than is accepted. Those in texts do not count.
  private static func isTooDeep(_ bytes: some Collection<UInt8>) -> Bool {
    var depth = 0
    var isText = false
    var isEscaped = false
    for byte in bytes {
      if isText {
        switch byte {
        case _ where isEscaped: isEscaped = false
        case UInt8(ascii: "\\"): isEscaped = true
        case UInt8(ascii: "\""): isText = false
        default: break
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isText = true
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        depth += 1
        if depth > deepest { return true }
      case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
      default: break
      }
    }
    return false
  }

  private static func text(of failure: json_error_t) -> String {
    let words = withUnsafeBytes(of: failure.text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    return "no JSON at byte \(failure.position): \(words)"
  }

  private static func value(of json: UnsafeMutablePointer<json_t>) throws(JSONError) -> JSONValue {
    switch json.pointee.type {
    case JSON_TRUE: return .boolean(true)
    case JSON_FALSE: return .boolean(false)
    case JSON_INTEGER: return .integer(Int64(json_integer_value(json)))
    case JSON_REAL: throw JSONError(description: "whole numbers are accepted alone")
    case JSON_STRING: return .string(text(json_string_value(json), json_string_length(json)))
    case JSON_ARRAY:
      var values: [JSONValue] = []
      for index in 0..<json_array_size(json) {
        if let value = json_array_get(json, index) { values.append(try self.value(of: value)) }
      }
      return .array(values)
    case JSON_OBJECT:
      var members: [(String, JSONValue)] = []
      var iterator = json_object_iter(json)
      while let here = iterator {
        if let value = json_object_iter_value(here) {
          members.append((text(json_object_iter_key(here), json_object_iter_key_len(here)), try self.value(of: value)))
        }
        iterator = json_object_iter_next(json, here)
      }
      return .object(JSONObject(members))
    default: return .null
    }
  }

  private static func text(_ characters: UnsafePointer<CChar>?, _ count: Int) -> String {
    guard let characters else { return "" }
    return String(decoding: UnsafeRawBufferPointer(start: characters, count: count), as: UTF8.self)
  }
}
