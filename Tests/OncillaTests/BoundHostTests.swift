import OverlayCore
import OverlayIO
import Testing

@testable import oncilla

@Suite("Identities that are kept for a host of the LAN")
struct BoundHostTests {
  static let alice = "7fd22jhmqgfl45j6.onion"
  static let bob = "wq52ql3uxgcxqjon.onion"
  static let desk = "02:00:5e:10:00:01"
  static let printer = "02:00:5e:10:00:02"
  static let served = ["--mode", "tap", "--dhcpv6"]
  static let port = served + ["--no-address"]

  static let accepted: [([String], [String?])] = [
    (port + ["--onion", "\(alice),listen=127.0.0.1:1,mac=\(desk)"], [desk]),
    (port + ["--onion", "\(alice),mac=\(desk),listen=127.0.0.1:1"], [desk]),
    (port + ["--onion", "\(alice),mac=\(desk)"], [desk]),
    (port + ["--onion", "\(alice),mac=FE:DC:BA:98:76:54"], ["fe:dc:ba:98:76:54"]),
    (
      port + ["--onion", "\(alice),listen=127.0.0.1:1", "--onion", "\(bob),mac=\(desk),listen=127.0.0.1:2"],
      [nil, desk]
    ),
    (
      port + [
        "--onion", "\(alice),listen=127.0.0.1:1,mac=\(printer)", "--onion", "\(bob),mac=\(desk),listen=127.0.0.1:2",
      ],
      [printer, desk]
    ),
    (
      served + ["--onion", "\(alice),listen=127.0.0.1:1", "--onion", "\(bob),mac=\(desk),listen=127.0.0.1:2"],
      [nil, desk]
    ),
  ]

  @Test("each has the host that is named with it, wherever it listens", arguments: accepted)
  func hosts(arguments: [String], expected: [String?]) throws {
    let daemon = try #require(try RunOptions.parse(arguments)).daemon
    #expect(daemon.identities.map { $0.macAddress?.description } == expected)
    #expect(daemon.identities.allSatisfy { $0.listen.count == 1 })
  }

  static let form = "is not a MAC address; six groups of two hexadecimal digits with colons are accepted"
  static let values: [(String, String)] = [
    ("mac=", "'' \(form)"), ("mac=02:00:5e:10:00", "'02:00:5e:10:00' \(form)"),
    ("mac=02:00:5e:10:00:01:02", "'02:00:5e:10:00:01:02' \(form)"), ("mac=2:0:5e:10:0:1", "'2:0:5e:10:0:1' \(form)"),
    ("mac=02-00-5e-10-00-01", "'02-00-5e-10-00-01' \(form)"), ("mac=02:00:5e:10:00:0g", "'02:00:5e:10:00:0g' \(form)"),
    ("mac=33:33:00:00:00:01", "33:33:00:00:00:01 is no host's MAC address: it means several"),
    ("mac=ff:ff:ff:ff:ff:ff", "ff:ff:ff:ff:ff:ff is no host's MAC address: it means several"),
    ("mac=00:00:00:00:00:00", "00:00:00:00:00:00 is no host's MAC address: it means none"),
    ("mac=\(desk),mac=\(desk)", "'mac=' is accepted once"),
    ("mac=\(desk),listen=127.0.0.1:1,mac=\(printer)", "'mac=' is accepted once"),
    ("MAC=\(desk)", "after NAME, ',listen=HOST:PORT', ',mac=MAC' and ',lookup=HOST:PORT' are accepted"),
  ]

  @Test("what is no host's MAC address is refused", arguments: values)
  func refuses(value: String, reason: String) {
    let error = #expect(throws: CommandError.self) {
      try RunOptions.parse(BoundHostTests.port + ["--onion", "\(BoundHostTests.alice),\(value)"])
    }
    #expect(error?.description == "--onion '\(BoundHostTests.alice),\(value)': \(reason)")
    #expect(error?.exitStatus == 2)
  }

  static let lines: [([String], String)] = [
    (["--mode", "tap", "--onion", "\(alice),mac=\(desk)"], "--onion '\(alice),mac=\(desk)': 'mac=' needs --dhcpv6"),
    (["--onion", "\(alice),mac=\(desk)"], "--onion '\(alice),mac=\(desk)': 'mac=' needs --dhcpv6"),
    (["--dhcpv6", "--onion", "\(alice),mac=\(desk)"], "--dhcpv6 needs --mode tap"),
    (
      served + ["--onion", "\(alice),mac=\(desk)"],
      "--onion '\(alice),mac=\(desk)': 'mac=' needs --no-address: the first identity's address is that of the interface"
    ),
    (
      port + ["--linkable-identities", "--onion", "\(alice),mac=\(desk)", "--onion", "\(bob),mac=\(desk)"],
      "--onion '\(bob),mac=\(desk)': the host \(desk) is already given another identity"
    ),
  ]

  @Test("what could not be handed out, or not to that host alone, is refused", arguments: lines)
  func conflicts(arguments: [String], line: String) {
    let error = #expect(throws: CommandError.self) { try RunOptions.parse(arguments) }
    #expect(error?.description == line)
    #expect(error?.exitStatus == 2)
  }
}
