import Testing

import OverlayIO

@Suite("Suggestions")
struct SuggestionTests {
  @Test(
    "edits are counted, a swap of neighbours as one",
    arguments: [
      ("", "", 0), ("a", "", 1), ("", "abc", 3), ("socks", "socks", 0), ("sokcs", "socks", 1), ("scoks", "socks", 1),
      ("sock", "socks", 1), ("kitten", "sitting", 3), ("ab", "ba", 1), ("ca", "abc", 3),
    ])
  func edits(left: String, right: String, count: Int) {
    #expect(Suggestion.edits(Array(left.utf8), Array(right.utf8)) == count)
    #expect(Suggestion.edits(Array(right.utf8), Array(left.utf8)) == count)
  }

  @Test(
    "a word that is too short, too long or too far off gets none",
    arguments: ["", "-", "ab", "completely", String(repeating: "a", count: 65)])
  func none(word: String) {
    #expect(Suggestion.nearest(to: word, among: ["abc", "run", "name"]) == nil)
  }

  @Test("a beginning that fits two words gets none, one that fits one gets it")
  func beginnings() {
    #expect(Suggestion.nearest(to: "--log-", among: ["--log-level", "--log-format", "--listen"]) == nil)
    #expect(Suggestion.nearest(to: "--lis", among: ["--log-level", "--listen"]) == "--listen")
  }
}
