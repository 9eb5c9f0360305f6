import Testing

@testable import oncilla
@testable import OverlayCore
@testable import OverlayIO

/// `man/oncilla.conf.5` and `contrib/oncilla.conf.sample` say what the table of settings does. What they lack is
/// written in the failure as it is to be added.
@Suite("Manual page and example of the configuration")
struct ConfigurationManualTests {
  /// The text of a setting with keys in place of options.
  static func text(_ setting: Setting) -> String {
    setting.text.split(separator: " ").map { $0.hasPrefix("--") ? $0.dropFirst(2) : $0 }.joined(separator: " ")
  }

  @Test("it has every setting in the table's order, as the table has it")
  func keys() throws {
    let entries = ManualTests.entries(of: try RepositoryFile.read("man/oncilla.conf.5"))
    let documented = entries.filter { $0.section == "KEYS" }
    #expect(documented.map { $0.tag.prefix { $0 != " " } } == Setting.all.map { $0.name[...] })
    for (entry, setting) in zip(documented, Setting.all) {
      let isFlag = if case .flag = setting.kind { true } else { false }
      var text = ConfigurationManualTests.text(setting)
      if let value = isFlag ? "no" : setting.defaultText { text += " Default: \(value)." }
      if setting.needsRestart { text += " A change needs a restart." }
      #expect(entry.tag == "\(setting.name) = \(setting.placeholder ?? "yes|no")")
      #expect(entry.text == text)
    }
  }

  @Test("the example has every setting in the table's order, with its default, and all of it is a comment")
  func example() throws {
    let lines = try RepositoryFile.read("contrib/oncilla.conf.sample").split(separator: "\n")
    #expect(lines.allSatisfy { $0.hasPrefix("#") && $0.count <= 120 })
    let settings = lines.filter { !$0.hasPrefix("# ") }.map { String($0.dropFirst()) }
    let expected = Setting.all.map { setting in
      let isFlag = if case .flag = setting.kind { true } else { false }
      return "\(setting.name) = \(isFlag ? "no" : setting.defaultText ?? setting.placeholder ?? "")"
    }
    #expect(settings == expected + ["[peer alice]", "name = ONION", "route = PREFIX"])
    let comments = lines.filter { $0.hasPrefix("# ") }.map { $0.dropFirst(2) }.joined(separator: " ")
    for setting in Setting.all { #expect(comments.contains(ConfigurationManualTests.text(setting))) }
  }

  @Test("what the example sets is what counts without it")
  func defaults() throws {
    let lines = try RepositoryFile.read("contrib/oncilla.conf.sample").split(separator: "\n")
    let set = Set(Setting.all.filter { $0.defaultText != nil || $0.placeholder == nil }.map(\.name))
    let chosen = lines.map { $0.dropFirst() }.filter { set.contains(String($0.prefix { $0 != " " })) }
    let text = chosen.joined(separator: "\n") + "\nonion = 7fd22jhmqgfl45j6"
    let given = try ConfigurationFile.read(Array(text.utf8), of: "example")
    // Without it, Tor's TCP port counts on a host without this UNIX socket.
    let own = "onion = 7fd22jhmqgfl45j6\nsocks = unix:/run/tor/socks"
    let plain = try ConfigurationFile.read(Array(own.utf8), of: "plain")
    #expect(chosen.count == set.count)
    #expect(try RunSettings(given.entries, for: .standard) == RunSettings(plain.entries, for: .standard))
  }
}
