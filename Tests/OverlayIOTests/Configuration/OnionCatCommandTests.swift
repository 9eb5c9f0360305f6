import OverlayCore
import Testing

@testable import OverlayIO

@Suite("A command line of OnionCat")
struct OnionCatCommandTests {
  static let name = "657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd.onion"

  /// The lines of the configuration that set something, but for the door, which is open in all.
  func settings(_ line: String) -> [String] {
    OnionCatCommand(line.split(separator: " ").map(String.init)).text.split(separator: "\n").map(String.init)
      .filter { !$0.hasPrefix("#") && $0 != "allow-in = any" }
  }

  static let hosts = "hosts = /etc/tor/onioncat.hosts"

  static let lines: [(String, [String])] = [
    ("ocat \(name)", [hosts, "log = syslog", "onion = \(name)"]),
    ("/usr/bin/ocat -B \(name)", [hosts, "onion = \(name)"]),
    ("-B -4 -p \(name)", ["ipv4 = yes", "mode = tap", hosts, "onion = \(name)"]),
    ("-B4pH \(name)", ["ipv4 = yes", "mode = tap", "onion = \(name)"]),
    (
      "-B -l 8061 -l[::1]:8062 -t 9150 -s 9 \(name)",
      [
        "listen = 127.0.0.1:8061", "listen = [::1]:8062", "socks = 127.0.0.1:9150", "service-port = 9", hosts,
        "onion = \(name)",
      ]
    ), ("-Bt 10.0.0.1 \(name)", ["socks = 10.0.0.1:9050", hosts, "onion = \(name)"]),
    ("-Bt [::1] \(name)", ["socks = [::1]:9050", hosts, "onion = \(name)"]),
    ("-B -g /h -L /var/log/o \(name)", ["hosts = /h", "log = /var/log/o", "onion = \(name)"]),
    ("-B -L syslog -H \(name)", ["log = syslog", "onion = \(name)"]),
    ("-B -L o -H -- \(name)", ["log = ./o", "onion = \(name)"]),
    ("-BHP -u tor 7fd22jhmqgfl45j6.onion", ["hostname-file = /var/lib/tor/hidden_service/hostname"]),
    ("-BHR", ["hostname-file = /var/lib/tor/hidden_service/hostname"]),
    ("-BH -l none -t none -s 0 \(name)", ["onion = \(name)"]),
  ]

  @Test("it becomes a configuration that does the same", arguments: lines)
  func settings(line: String, expected: [String]) { #expect(settings(line) == expected + ["authenticate = legacy"]) }

  @Test("the door is open as OnionCat's is, in so many words and with what that means")
  func door() {
    let text = OnionCatCommand(["ocat", OnionCatCommandTests.name]).text
    #expect(text.contains("\nallow-in = any\n"))
    #expect(text.contains("# as with OnionCat, whoever knows the name reaches every port that listens here"))
  }

  @Test("a value that no file can hold becomes a comment", arguments: ["#hosts", "/a #b", "/a ;b", "a\nb", " "])
  func valueOfNoFile(value: String) throws {
    let text = OnionCatCommand(["-B", "-g", value, OnionCatCommandTests.name]).text
    #expect(text.contains("# -g: '\(value.quotedLine())' cannot stand in a file"))
    let given = try ConfigurationFile.read(Array(text.utf8), of: "f")
    #expect(!given.entries.contains { $0.setting.name == "hosts" })
  }

  @Test("it becomes a valid file, and each option without a counterpart a comment with the reason")
  func notes() throws {
    for letter in "2abCDhIJrRSU?" + "defiPTuo5Lgst" {
      for line in ["-\(letter)", "-\(letter) x", "-\(letter) \(OnionCatCommandTests.name)", "-\(letter)\u{7}\n= [x"] {
        let text = OnionCatCommand(line.split(separator: " ").map(String.init)).text
        let given = try ConfigurationFile.read(Array(text.utf8), of: "f")
        #expect(throws: Never.self) { try RunSettings(given.entries, for: .standard) }
        if !"gsLtH".contains(letter) { #expect(text.contains("# -\(letter) has no counterpart: "), "\(letter)") }
      }
    }
  }
}
