import Testing

@testable import OverlayIO

@Suite("JSON")
struct JSONTests {
  static let texts: [(String, JSONValue)] = [
    ("null", .null), ("true", true), ("false", false), ("0", 0), ("-1", -1),
    ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)), ("\"\"", ""),
    ("\"a b\"", "a b"), ("\"\u{e9}\u{1f9c5}\"", "\u{e9}\u{1f9c5}"), ("[]", []), ("{}", [:]),
    ("[1,[2,{\"a\":null}]]", [1, [2, ["a": nil]]]),
    ("{\"z\":1,\"a\":2,\"m\":{\"\":3}}", ["z": 1, "a": 2, "m": ["": 3]]),
    ("\"\\\"\\\\\\n\\u0001\"", "\"\\\n\u{1}"), ("\"\\u0000\"", "\0"),
  ]

  @Test("a text becomes a value, and the value the same text", arguments: texts)
  func both(text: String, value: JSONValue) throws {
    #expect(try JSONValue(parsing: Array(text.utf8)) == value)
    #expect(value.text == text)
  }

  @Test(
    "other ways to write a value are read",
    arguments: [
      (" [ 1 , 2 ]\r\n", "[1,2]"), ("\"\\u00e9\\ud83e\\uddc5\\/\"", "\"\u{e9}\u{1f9c5}/\""), ("\t{ }", "{}"),
    ])
  func others(text: String, expected: String) throws {
    #expect(try JSONValue(parsing: Array(text.utf8)).text == expected)
  }

  static let wrong: [[UInt8]] =
    [
      "", " ", "nul", "{", "}", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "'a'", "1 2", "{}{}", "\"\n\"", "\"\\x\"",
      "\"\\ud800\"", "01", "+1", "0x1", "1.5", "1e3", "9223372036854775808", "NaN", "{\"a\":1,\"a\":2}", "// a\n1",
    ].map { Array($0.utf8) } + [
      [0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0], [0x31, 0],
    ]

  @Test("what readers of JSON disagree about is refused, and so is what is none", arguments: wrong)
  func refused(bytes: [UInt8]) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
  }

  @Test("nesting has a bound, in which brackets of texts do not count")
  func depth() throws {
    let deepest = { (count: Int) in String(repeating: "[", count: count) + String(repeating: "]", count: count) }
    #expect(throws: Never.self) { try JSONValue(parsing: Array(deepest(JSONValue.deepest).utf8)) }
    for count in [JSONValue.deepest + 1, 1_000_000 / 2] {
      #expect(throws: JSONError.self) { try JSONValue(parsing: Array(deepest(count).utf8)) }
    }
    let text = "\"" + deepest(1_000) + "\\\"{{{\""
    #expect(throws: Never.self) { try JSONValue(parsing: Array(text.utf8)) }
  }

  @Test("length has a bound")
  func length() {
    let text = [UInt8](repeating: UInt8(ascii: " "), count: JSONValue.longestText)
    #expect(throws: JSONError.self) { try JSONValue(parsing: text + [UInt8(ascii: "1")]) }
    #expect(throws: Never.self) { try JSONValue(parsing: text.dropLast() + [UInt8(ascii: "1")]) }
  }

  @Test("an object keeps the order of its members, whatever is changed")
  func order() {
    var object: JSONObject = ["b": 1, "a": 2]
    object["c"] = 3
    object["b"] = 4
    object["a"] = nil
    object["missing"] = nil
    #expect(JSONValue.object(object).text == "{\"b\":4,\"c\":3}")
    #expect(object["c"] == 3 && object["a"] == nil)
  }

  @Test("no change of a byte of a request crashes the reader")
  func changed() {
    let text = Array("{\"schema\":1,\"command\":\"status\",\"id\":[null,\"\\u00e9\",-7]}".utf8)
    for index in text.indices {
      for byte in UInt8.min...UInt8.max {
        var changed = text
        changed[index] = byte
        if let value = try? JSONValue(parsing: changed) { _ = value.text }
      }
      _ = try? JSONValue(parsing: text[..<index])
    }
  }
}
