import OverlayCore
import Testing

@testable import oncilla
@testable import OverlayIO

@Suite("Bug report")
struct BugReportTests {
  static let name = "657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd"
  static let address = "fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03"
  static let other = "wq52ql3uxgcxqjon"

  /// A redactor that knows a peer, alice.
  static func redactor() throws -> Redactor {
    var redactor = Redactor()
    redactor.know(try OnionName(name), as: "peer-1")
    redactor.know("alice", as: "peer-1")
    return redactor
  }

  static let lines: [(String, String)] = [
    ("peer \(name).onion is up", "peer peer-1.onion is up"),
    (name.uppercased(), "peer-1"),
    ("http://\(name).onion:8060/", "http://peer-1.onion:8060/"),
    ("alice=\(address)/\(name)", "peer-1=peer-1-address/peer-1"),
    ("FD87:D87E:EB43:5B1F:3F7E:D46D:FE89:9B03.", "peer-1-address."),
    ("[\(address)]:8060", "[peer-1-address]:8060"),
    ("lmpt67wunx7itgyd", "peer-1"),
    ("peer Alice (\(address)): 3 circuits", "peer peer-1 (peer-1-address): 3 circuits"),
    ("malice and alices stay, alice-x does not", "malice and alices stay, peer-1-x does not"),
    ("/etc/oncilla/peers.d/alice.conf:3", "/etc/oncilla/peers.d/file-1:3"),
    (
      "/etc/oncilla/peers.d/bob.conf, then /etc/oncilla/peers.d/bob.conf",
      "/etc/oncilla/peers.d/file-1, then /etc/oncilla/peers.d/file-1"
    ),
    ("unix:/home/bob/tor/socks", "unix:/home/file-1/tor/socks"),
    ("\(other).onion and \(other)", "onion-1.onion and onion-1"),
    ("fd87:d87e:eb43::1 fd87:d87e:eb43:0::1 2001:db8::1", "address-1 address-1 address-2"),
    (
      "fd87:d87e:eb43::/48 ::1 [::]:80 127.0.0.1:9050 0.0.0.0", "fd87:d87e:eb43::/48 ::1 [::]:80 127.0.0.1:9050 0.0.0.0"
    ),
    ("fd87:d87e:eb43::dead:beef fd87:d87e:eb43::feed:beef", "fd87:d87e:eb43::dead:beef fd87:d87e:eb43::feed:beef"),
    ("192.0.2.7:443, 10.1.0.0/16", "address-1:443, address-2/16"),
    ("version: 0.4.9.11", "version: 0.4.9.11"),
    ("02:00:5e:10:00:01", "mac-1"),
    ("ED25519-V3:gDHmRkxuqk9Vb1H0p3bUZv1Qx7Y+/abcDEF0123456789abcdefghij==", "ED25519-V3:(secret)=="),
    ("cookie 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "cookie (secret)"),
    ("2026-11-28T19:23:10.123Z notice ready", "2026-11-28T19:23:10.123Z notice ready"),
    ("state: up", "state: up"), ("", ""), ("::", "::"), ("é", "??"), ("a...b: c.", "a...b: c."),
  ]

  @Test("what tells who somebody is becomes another word, and everything else stays", arguments: lines)
  func redaction(line: String, expected: String) throws {
    var redactor = try BugReportTests.redactor()
    #expect(redactor.redact(line) == expected)
  }

  @Test("a report has nothing of the names and addresses of its daemon")
  func report() {
    let status: JSONObject = [
      "summary": .string("ready: fd87:d87e:eb43:b43b:a82f:74b9:8578:25cd is \(BugReportTests.other).onion"),
      "started": "2026-11-28T19:23:10.123Z", "interface": "onc-secret", "namespace": "/run/netns/hidden",
      "uptime_seconds": 77,
      "identities": [
        [
          "name": .string(BugReportTests.other + ".onion"), "address": "fd87:d87e:eb43:b43b:a82f:74b9:8578:25cd",
          "label": "workshop", "counters": ["sent": 12],
          "peers": [
            [
              "petname": "alice", "name": .string(BugReportTests.name + ".onion"),
              "address": .string(BugReportTests.address), "state": "up",
              "last_error": ["text": "alice hung up", "time": "2026-11-28T19:23:10.123Z", "age_seconds": 3],
            ]
          ],
        ]
      ],
    ]
    var report = BugReport()
    report.hide(nil, status, .standard)
    report.add("Daemon", status)
    report.addRedacted("Log", ["alice on onc-secret in hidden"])
    let text = report.text
    for secret in [
      BugReportTests.name, BugReportTests.other, "lmpt67wunx7itgyd", BugReportTests.address, "b43b", "alice", "secret",
      "hidden", "2026", "workshop",
    ] { #expect(!text.contains(secret), "\(secret)\n\(text)") }
    for kept in ["uptime_seconds: 77", "sent: 12", "state: up", "age_seconds: 3", "name: peer-1.onion", "own-1.onion"] {
      #expect(text.contains(kept), "\(kept)\n\(text)")
    }
    #expect(text.hasPrefix("Read this before you send it"))
  }
}
