import OverlayCore
import Testing

@testable import OverlayIO

@Suite("Settings that are read")
struct SettingsDraftTests {
  static let alice = "7fd22jhmqgfl45j6.onion"
  static let bob = "wq52ql3uxgcxqjon.onion"

  /// A draft in which these settings were given by options, in this order.
  func draft(_ values: KeyValuePairs<String, String>) throws -> SettingsDraft {
    var draft = SettingsDraft()
    for (name, text) in values {
      let setting = try #require(Setting.all.first { $0.name == name })
      try draft.read(setting, GivenValue(text, from: .option("--" + name)))
    }
    return draft
  }

  @Test("what is not given has the default that the daemon's settings have by themselves")
  func defaults() throws {
    let identity = DaemonSettings.Identity(
      .onion(try OnionName(SettingsDraftTests.alice)), listen: [.ipv4(IPv4Address(value: 0x7f00_0001), port: 8060)])
    let expected = RunSettings(
      daemon: DaemonSettings(identities: [identity]), logLevel: .notice, logTarget: .standardError)
    #expect(try draft(["onion": SettingsDraftTests.alice]).settings() == expected)
  }

  @Test("what is read later replaces a value and adds to a repeatable one")
  func sources() throws {
    let settings = try draft([
      "onion": SettingsDraftTests.alice, "mtu": "1280", "serve": "fd00:1::/64", "listen": "127.0.0.1:1", "mtu": "1400",
      "serve": "fd00:2::/64", "listen": "127.0.0.1:2",
    ]).settings().daemon
    #expect(settings.interface.mtu.bytes == 1400)
    #expect(settings.served.map(\.description) == ["fd00:1::/64", "fd00:2::/64"])
    #expect(settings.identities.map { $0.listen.map(\.description) } == [["127.0.0.1:1", "127.0.0.1:2"]])
  }

  @Test("a value that is refused is told with its origin")
  func refused() throws {
    let error = try #require(throws: SettingError.self) { try draft(["mtu": "12"]) }
    let reason = "a number from 1280 to 65535 is accepted"
    #expect(error == .refused(GivenValue("12", from: .option("--mtu")), reason: reason))
    #expect(error.description == "--mtu '12': \(reason)")
    let value = GivenValue("12", from: .table("mtu"))
    #expect(SettingError.refused(value, reason: reason).description == "the default of mtu '12': \(reason)")
  }

  static let contradictions: [(KeyValuePairs<String, String>, SettingError)] = [
    ([:], .nameless), (["mtu": "1280"], .nameless),
    (["onion": alice, "hostname-file": "f"], .conflict(.option("--onion"), .option("--hostname-file"))),
    (["onion": alice, "dhcpv6": ""], .incomplete(.option("--dhcpv6"), needs: "--mode tap")),
    (["onion": alice, "lan-dns": ""], .incomplete(.option("--lan-dns"), needs: "--mode tap")),
    (["onion": alice, "ipv4-address": "10.0.0.1/8"], .incomplete(.option("--ipv4-address"), needs: "--ipv4")),
    (
      ["onion": alice, "mode": "tap", "no-address": "", "ipv4-address": "10.0.0.1/8"],
      .conflict(.option("--no-address"), .option("--ipv4-address"))
    ),
    (
      ["onion": alice, "mode": "tap", "mtu": "65535"],
      .refused(
        GivenValue("65535", from: .option("--mtu")), reason: "with --mode tap a number from 1280 to 65521 is accepted")
    ),
    (
      ["onion": alice, "route": "fd00:1::/64,via=\(alice)"],
      .refused(
        GivenValue("fd00:1::/64,via=\(alice)", from: .option("--route")), reason: "via= is this host's own name")
    ),
    (
      ["onion": alice, "serve": "fe80::/64"],
      .refused(GivenValue("fe80::/64", from: .option("--serve")), reason: "it lies in fe80::/10: link-local")
    ),
    (
      ["onion": alice, "peer": "\(bob):80"],
      .refused(
        GivenValue("\(bob):80", from: .option("--peer")),
        reason: "its port is 80, and all peers are dialled at port 8060, which --service-port changes")
    ),
    (
      ["publish": "tor", "tor-control": "unix:/c", "tor-circuit-id": ""],
      .incomplete(
        .option("--tor-circuit-id"),
        needs:
          "an onion service of torrc, with 'HiddenServiceExportCircuitID haproxy': with --publish tor Tor makes it "
          + "by ADD_ONION, which cannot say that")
    ), (["onion": alice, "only-peers": "", "lookup": "ask"], .conflict(.option("--only-peers"), .option("--lookup"))),
    (
      ["onion": alice, "allow-in": "tcp/22", "allow-in": "TCP/22"],
      .refused(GivenValue("TCP/22", from: .option("--allow-in")), reason: "this rule is already given")
    ),
  ]

  @Test("rules of the door name peers by petname, address or onion name; the log does not repeat onion names")
  func door() throws {
    let settings = try draft([
      "onion": SettingsDraftTests.alice, "peer": "bob=\(SettingsDraftTests.bob)", "allow-in": "tcp/22 from bob",
      "allow-in": "udp/53 from \(SettingsDraftTests.bob), fd87:d87e:eb43::9", "allow-in": "tcp/80", "refuse": "silent",
    ]).settings().daemon
    #expect(
      settings.door.rules.map(\.description) == ["tcp/22 from bob", "udp/53 from bob,fd87:d87e:eb43::9", "tcp/80"])
    let bob = try OnionName(SettingsDraftTests.bob).address
    #expect(settings.door.rules[1].callers?.map { "\($0)" } == ["\(bob)", "fd87:d87e:eb43::9"])
    #expect(settings.door.refusal == .silent)
    #expect(settings.door.petnames.mapValues { "\($0)" } == [bob: "bob"])
  }

  @Test(
    "a rule that cannot be is told with what is accepted",
    arguments: [
      (
        "tcp/22 from carol",
        "'carol' is neither an onion name nor the petname of a --peer, nor of one that 'oncilla peer add' has saved"
      ),
      (
        "tcp/22 from fd00::1",
        "'fd00::1' is no peer's address; what is behind a peer comes from the peer, which is accepted"
      ), ("tcp/0", "'0' is no port: 1 to 65535 is accepted, or a range such as 6000-6010"),
    ])
  func badDoor(_ text: String, _ reason: String) throws {
    #expect(throws: SettingError.refused(GivenValue(text, from: .option("--allow-in")), reason: reason)) {
      try draft(["onion": SettingsDraftTests.alice, "allow-in": text]).settings()
    }
  }

  @Test(
    "a ceiling is a rate of bytes, of packets, or of both",
    arguments: [
      ("2MB/s", RateLimit(bytes: 2_000_000)), ("16Mbit/s", RateLimit(bytes: 2_000_000)),
      ("1.5MB/s", RateLimit(bytes: 1_500_000)), ("500 kB/s", RateLimit(bytes: 500_000)),
      ("5000pps", RateLimit(packets: 5_000)), ("1Gbit/s, 100pps", RateLimit(bytes: 125_000_000, packets: 100)),
      ("16kB/s", RateLimit(bytes: 16_000)), ("10GB/s", RateLimit(bytes: 10_000_000_000)), ("none", nil),
    ])
  func ceiling(_ text: String, _ limit: RateLimit?) throws {
    let settings = try draft(["onion": SettingsDraftTests.alice, "rate-limit": text, "peer-rate-limit": text])
      .settings()
    #expect(settings.daemon.rates == RateLimits(total: limit, peer: limit))
  }

  @Test(
    "anything else is refused",
    arguments: [
      "", "2", "2MB", "2mb/s", "15kB/s", "11GB/s", "-2MB/s", "2MB/s,3MB/s", "100pps,200pps", "99pps", "1e3kB/s",
      "2MB/s,", ".5MB/s", "1..5MB/s", "99999999999999999999GB/s", "nan MB/s", "0kB/s",
    ])
  func badCeiling(_ text: String) {
    #expect(throws: SettingError.self) { try draft(["onion": SettingsDraftTests.alice, "rate-limit": text]) }
  }

  @Test("a closed group looks nobody up")
  func onlyPeers() throws {
    let settings = try draft(["onion": SettingsDraftTests.alice, "only-peers": ""]).settings().daemon
    #expect(settings.onlyPeers && settings.lookup == .off && settings.authentication == .strict)
  }

  @Test("who is in a closed group has to be proven; single peers may be believed", arguments: ["off", "legacy"])
  func believedGroup(_ value: String) throws {
    let own = SettingsDraftTests.alice
    #expect(
      throws: SettingError.refused(
        GivenValue(value, from: .option("--authenticate")),
        reason: "with --only-peers who calls has to prove that it is a peer: strict is accepted, and "
          + "--peer-authenticate PETNAME=\(value) for single peers")
    ) {
      try draft(["onion": own, "only-peers": "", "authenticate": value]).settings()
    }
    let settings = try draft([
      "onion": own, "only-peers": "", "peer": "bob=\(SettingsDraftTests.bob)", "peer-authenticate": "bob=\(value)",
    ]).settings().daemon
    #expect(settings.authentications == [try OnionName(SettingsDraftTests.bob): Authentication(rawValue: value)])
  }

  @Test("settings that contradict each other are told with the origin of each", arguments: contradictions)
  func contradiction(values: KeyValuePairs<String, String>, expected: SettingError) throws {
    let read = try draft(values)
    #expect(throws: expected) { try read.settings() }
  }
}
