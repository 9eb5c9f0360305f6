import OverlayCore
import Testing

@testable import OverlayIO

@Suite("The table of settings")
struct SettingTableTests {
  /// What the reader of `setting` says of `text` in a draft in which nothing was given; `nil` if it accepts it.
  func refusal(of setting: Setting, _ text: String) -> SettingError? {
    var draft = SettingsDraft()
    do throws(SettingError) {
      try draft.read(setting, GivenValue(text, from: .option("--" + setting.name)))
      return nil
    } catch {
      return error
    }
  }

  @Test("no two settings have the same name")
  func names() {
    #expect(Set(Setting.all.map(\.name)).count == Setting.all.count)
    let characters = Set("abcdefghijklmnopqrstuvwxyz0123456789-")
    for setting in Setting.all {
      #expect(setting.name.allSatisfy(characters.contains) && setting.name.first != "-", "\(setting.name)")
    }
  }

  @Test("each says on one line what it is for")
  func texts() {
    for setting in Setting.all {
      #expect(setting.text.hasSuffix(".") && setting.text.singleLine == setting.text, "\(setting.name)")
      #expect((10...160).contains(setting.text.count), "\(setting.name)")
      #expect(setting.text.contains("Repeatable") == setting.isRepeatable, "\(setting.name)")
    }
  }

  @Test("a default is one of the values that are accepted")
  func defaults() {
    for setting in Setting.all {
      guard let text = setting.defaultText else { continue }
      #expect(refusal(of: setting, text) == nil, "\(setting.name)")
      switch setting.kind {
      case .flag: Issue.record("\(setting.name) is off unless it is given")
      case .word(let words): #expect(words.contains(text), "\(setting.name)")
      case .number(let range, _): #expect(Int(text).map(range.contains) == true, "\(setting.name)")
      case .form(_, let bytes): #expect(bytes?.contains(text.utf8.count) != false, "\(setting.name)")
      }
    }
  }

  @Test("a reader accepts the borders of its range and refuses what lies beyond them")
  func ranges() {
    for setting in Setting.all {
      let accepted: [String]
      let refused: [String]
      switch setting.kind {
      case .flag: (accepted, refused) = ([""], ["yes", "no", " "])
      case .word(let words): (accepted, refused) = (words, ["", words.joined(), "\(words[0]) "])
      case .number(let range, _):
        accepted = ["\(range.lowerBound)", "\(range.upperBound)"]
        refused = ["\(range.lowerBound - 1)", "\(range.upperBound + 1)", "", "\(range.lowerBound).0"]
      case .form(_, let bytes?):
        accepted = [bytes.lowerBound, bytes.upperBound].map { String(repeating: "a", count: $0) }
        refused = [bytes.lowerBound - 1, bytes.upperBound + 1].map { String(repeating: "a", count: $0) }
      case .form(_, nil): continue
      }
      for text in accepted { #expect(refusal(of: setting, text) == nil, "\(setting.name) \(text)") }
      for text in refused { #expect(refusal(of: setting, text) != nil, "\(setting.name) \(text)") }
    }
  }

  @Test("a text that tells a range tells that of the table; a port's is known")
  func rangesInTexts() {
    for setting in Setting.all {
      guard case .number(let range, let placeholder) = setting.kind, placeholder != "PORT" else { continue }
      #expect(setting.text.contains("\(range.lowerBound) to \(range.upperBound)"), "\(setting.name)")
    }
  }

  @Test("what is made at the start needs a restart to change, and nothing else does")
  func restarts() {
    #expect(
      Setting.all.filter { !$0.needsRestart }.map(\.name)
        == [
          "peer", "invited", "peer-key", "authenticate", "peer-authenticate", "hosts", "lookup", "lookup-listen",
          "allow-in", "refuse", "only-peers", "route", "serve", "idle", "circuits", "rate-limit",
          "peer-rate-limit", "scrub", "remember", "hosts-file",
          "metrics-peers", "hook", "log-level", "log",
        ])
  }
}
