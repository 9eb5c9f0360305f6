import OverlayCore
import Testing

@testable import OverlayIO

@Suite("Another configuration for a daemon that runs")
struct ConfigurationChangeTests {
  static let alice = "7fd22jhmqgfl45j6.onion"
  static let base = "onion = wq52ql3uxgcxqjon\n"

  func configuration(_ text: String) throws -> Configuration {
    let given = try ConfigurationFile.read(Array((ConfigurationChangeTests.base + text).utf8), of: "f")
    return Configuration(
      settings: try RunSettings(given.entries, for: .standard), entries: given.entries, files: ["f"], warnings: [],
      instance: .standard)
  }

  static let changes: [(String, String, live: [String], needsRestart: [String])] = [
    ("", "", [], []), ("mtu = 1500\nipv4 = no", "", [], []), ("idle = 180", "listen = 127.0.0.1:8060", [], []),
    ("", "idle = 60\nlog-level = debug", ["idle", "log-level"], []), ("mtu = 1400", "mtu = 1300", [], ["mtu"]),
    ("", "mtu = 1400\nidle = 60\nipv4 = yes", ["idle"], ["mtu", "ipv4"]),
    ("", "[peer alice]\nname = \(alice)\nroute = fd00::/64", ["peer", "route"], []),
    ("[peer alice]\nname = \(alice)\nroute = fd00::/64", "", ["peer", "route"], []),
    ("serve = fd00:1::/64\nserve = fd00:2::/64", "serve = fd00:1::/64", ["serve"], []),
    ("hosts = /a", "", ["hosts"], []),
    // A route of IPv4 cannot count before IPv4 is carried.
    ("", "ipv4 = yes\nserve = 10.0.0.0/8", [], ["serve", "ipv4"]),
    ("ipv4 = yes\nserve = 10.0.0.0/8", "", ["serve"], ["ipv4"]),
    // What is no part of that waits for nothing, in whatever order it becomes valid.
    ("", "ipv4 = yes\nserve = 10.0.0.0/8\nidle = 60", ["idle"], ["serve", "ipv4"]),
    (
      "peer = alice=\(alice)\nroute = fd00::/64,via=alice", "ipv4 = yes\nserve = 10.0.0.0/8", ["peer", "route"],
      ["serve", "ipv4"]
    ),
    (
      "peer = alice=\(alice)\npeer-authenticate = alice=full",
      "peer = bob=\(alice)\npeer-authenticate = bob=full\nipv4 = yes\nserve = 10.0.0.0/8",
      ["peer", "peer-authenticate"], ["serve", "ipv4"]
    ),
    (
      "peer = alice=\(alice)\npeer-authenticate = alice=full",
      "peer = bob=\(alice)\nroute = 10.1.0.0/16,via=bob\nipv4 = yes\nserve = 10.0.0.0/8",
      ["peer", "peer-authenticate"], ["route", "serve", "ipv4"]
    ),
  ]

  @Test("what needs no restart counts, and what needs one waits", arguments: changes)
  func change(old: String, new: String, live: [String], needsRestart: [String]) throws {
    let before = try configuration(old)
    let after = try configuration(new)
    let change = ConfigurationChange(from: before, to: after)
    #expect(change.live == live)
    #expect(change.needsRestart == needsRestart)
    if live.isEmpty { #expect(change.running.settings == before.settings) }
    if needsRestart.isEmpty { #expect(change.running.settings == after.settings) }
    #expect(change.running.settings.daemon.interface.mtu == before.settings.daemon.interface.mtu)
    // What waits goes on waiting, and is told again.
    let again = ConfigurationChange(from: change.running, to: after)
    #expect(again.live == [] && again.needsRestart == needsRestart)
  }
}
