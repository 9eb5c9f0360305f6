import OverlayCore
import Testing

@Suite("Petname")
struct PetnameTests {
  @Test(
    "a DNS label is accepted, in lower case",
    arguments: [
      ("alice", "alice"), ("Alice", "alice"), ("a", "a"), ("7", "7"), ("3com", "3com"), ("web-1", "web-1"),
      ("a--b", "a--b"),
    ])
  func accepted(text: String, label: String) throws {
    #expect(try #require(Petname(text)).description == label)
  }

  @Test("63 characters are accepted and 64 are not")
  func length() {
    #expect(Petname(String(repeating: "a", count: 63)) != nil)
    #expect(Petname(String(repeating: "a", count: 64)) == nil)
  }

  @Test(
    "anything else is refused",
    arguments: ["", "-a", "a-", "-", "a.b", "a b", "a_b", "a/b", "a=b", "\u{e4}", "a\n", "a\u{0}"])
  func refused(text: String) {
    #expect(Petname(text) == nil)
  }
}
