import OverlayCore
import Testing

@Suite("Pasted onion name")
struct PastedNameTests {
  static let label = OnionNameTests.version3

  @Test(
    "what people paste around a name is taken off",
    arguments: [
      ("\(label)", nil), (" \t\(label).onion\r\n", nil), ("\u{a0}\u{200b}\(label).onion\u{feff}", nil),
      ("http://\(label).onion", nil), ("HTTPS://\(label).ONION/", nil), ("\(label).onion/", nil),
      ("\(label).onion:8060", 8060), ("http://\(label).onion:80/", 80), ("\(label):1", 1),
    ] as [(String, UInt16?)])
  func accepted(text: String, port: UInt16?) throws {
    let pasted = try PastedName(text)
    #expect(pasted.name.label == PastedNameTests.label)
    #expect(pasted.port == port)
  }

  @Test(
    "what is no name is told for what it is",
    arguments: [
      ("http://", OnionNameError.length(0)), ("", .length(0)), ("http://\(label).onion/wiki", .path),
      ("\(label).onion:", .portText), ("\(label).onion:http", .portText), ("\(label).onion:65536", .portText),
      ("\(label).onion:+80", .portText), ("two words://\(label).onion", .path), ("http://www.\(label).onion/", .dots),
    ])
  func refused(text: String, error: OnionNameError) {
    #expect(throws: error) { try PastedName(text) }
  }

  @Test("only the port of all peers may follow a name")
  func port() throws {
    #expect(try OnionName(pasted: "\(PastedNameTests.label):8060").label == PastedNameTests.label)
    #expect(try OnionName(pasted: "\(PastedNameTests.label):9000", servicePort: 9000).label == PastedNameTests.label)
    #expect(throws: OnionNameError.port(80, accepted: 8060)) { try OnionName(pasted: "\(PastedNameTests.label):80") }
  }

  @Test("what a peer sends is read as it is", arguments: [" \(label)", "http://\(label).onion", "\(label):8060"])
  func strict(text: String) {
    #expect(throws: OnionNameError.self) { try OnionName(text) }
  }
}
