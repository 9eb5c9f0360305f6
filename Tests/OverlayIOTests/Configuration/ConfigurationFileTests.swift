import OverlayCore
import Testing

@testable import OverlayIO

@Suite("A configuration file")
struct ConfigurationFileTests {
  static let alice = "7fd22jhmqgfl45j6.onion"
  static let bob = "wq52ql3uxgcxqjon.onion"

  /// The settings that a file gives, a line each.
  func read(_ text: String) throws(SettingError) -> [String] {
    try ConfigurationFile.read(Array(text.utf8), of: "f").entries.map { "\($0.setting.name) = \($0.value.text)" }
  }

  static let good: [(String, [String])] = [
    ("", []), ("\n\n", []), ("# mtu = 1\n; mtu = 2\n", []), ("mtu = 1400", ["mtu = 1400"]),
    ("mtu=1400\r\nidle\t=\t7 \r\n", ["mtu = 1400", "idle = 7"]), ("\u{feff}mtu = 1400\n", ["mtu = 1400"]),
    ("mtu = 1400 # for the LAN\nidle = 7 ; seconds\n", ["mtu = 1400", "idle = 7"]),
    ("hosts = /a#b;c\n", ["hosts = /a#b;c"]), ("ipv4 = yes\nno-offload = no\n", ["ipv4 = yes", "no-offload = no"]),
    ("  mtu = 1400\n\tidle = 7\n", ["mtu = 1400", "idle = 7"]),
    ("serve = fd00:1::/64\nserve = fd00:2::/64\n", ["serve = fd00:1::/64", "serve = fd00:2::/64"]),
    ("peer = alice=\(alice)\n", ["peer = alice=\(alice)"]),
    (
      "mtu = 1400\n[peer alice] # hers\n  name = \(alice)\n  "
        + "route = fd00:1::/64\n  route = fd00:2::/64\n\n[peer bob]\nname = \(bob)",
      [
        "mtu = 1400", "peer = alice=\(alice)", "route = fd00:1::/64,via=alice", "route = fd00:2::/64,via=alice",
        "peer = bob=\(bob)",
      ]
    ),
    (
      "[peer \(String(repeating: "a", count: 63))]\nname = \(alice)",
      ["peer = \(String(repeating: "a", count: 63))=\(alice)"]
    ),
  ]

  @Test("it is read", arguments: good)
  func accepted(text: String, settings: [String]) throws {
    #expect(try read(text) == settings)
  }

  static let bad: [(String, String)] = [
    ("mtu", "f:1: KEY = VALUE or [peer PETNAME] is accepted"),
    ("\n\nmtu 1400\n", "f:3: KEY = VALUE or [peer PETNAME] is accepted"),
    ("mtu = 12", "f:1: mtu '12': a number from 1280 to 65535 is accepted"),
    ("mtu =", "f:1: mtu '': a number from 1280 to 65535 is accepted"),
    ("idle = 7\nmtu = 1400\nmtu = 1500", "f:3: mtu is accepted once in a file, and stands at f:2 already"),
    ("ipv4 = on", "f:1: ipv4 'on': yes or no is accepted"), ("ipv4 =", "f:1: ipv4 '': yes or no is accepted"),
    ("hostname = /h", "f:1: unknown key 'hostname'; did you mean hostname-file?"),
    ("port = 1", "f:1: unknown key 'port'; 'man oncilla.conf' lists what is accepted"),
    ("hostnamefile = /h", "f:1: unknown key 'hostnamefile'; did you mean hostname-file?"),
    ("log_level = debug", "f:1: unknown key 'log_level'; did you mean log-level?"),
    ("--mtu = 1400", "f:1: unknown key '--mtu'; did you mean mtu?"),
    ("a\u{7}b = 1", "f:1: a control character (7) is not accepted"),
    ("mtu = 14\u{0}00", "f:1: a control character (0) is not accepted"),
    ("[peer alice]", "f:1: [peer alice] needs a line 'name = ONION', its onion name"),
    ("[peer alice]\nname = \(alice)\n[peer bob]\n", "f:3: [peer bob] needs a line 'name = ONION', its onion name"),
    ("[peer alice\nname = x", "f:1: a heading is closed by ']' at its end: [peer PETNAME]"),
    ("[peer alice] mtu = 1", "f:1: a heading is closed by ']' at its end: [peer PETNAME]"),
    ("[peer]", "f:1: [peer PETNAME] is accepted, with a petname of 1 to 63 letters, digits and inner hyphens"),
    ("[peer a b]", "f:1: [peer PETNAME] is accepted, with a petname of 1 to 63 letters, digits and inner hyphens"),
    ("[Peer alice]", "f:1: [Peer alice] is no heading; did you mean [peer PETNAME]?"),
    ("[interface]", "f:1: [interface] is no heading; [peer PETNAME] is"),
    (
      "[peer alice]\nname = \(alice)\nmtu = 1400",
      "f:3: 'mtu' is no key of [peer alice]: it stands before the first heading"
    ),
    ("[peer alice]\nnaem = x", "f:2: 'naem' is no key of a peer; did you mean name?"),
    (
      "[peer alice]\nPublicKey = x",
      "f:2: 'PublicKey' is no key of a peer; name, route, key and authenticate are accepted"
    ),
    (
      "[peer alice]\nname = bob=\(alice)",
      "f:2: name 'bob=\(alice)': [ADDRESS/]ONION is accepted; the petname is that above"
    ),
    ("[peer alice]\nname = \(alice)\nname = \(bob)", "f:3: name is accepted once in a file, and stands at f:2 already"),
    (
      "[peer alice]\nname = \(alice)\nroute = fd00::/64,via=alice",
      "f:3: route 'fd00::/64,via=alice': PREFIX is accepted: it lies behind the peer above"
    ),
    (
      "[peer alice]\nname = \(alice)\n[peer Alice]\nname = \(bob)",
      "f:3: [peer alice] stands in line 1 already"
    ),
    ("peer = \(alice)\npeer = b=\(alice)", "f:2: peer 'b=\(alice)': this peer is already given"),
  ]

  @Test("what is wrong is told with its line and what is accepted", arguments: bad)
  func refused(text: String, line: String) {
    let error = #expect(throws: SettingError.self) { try read(text) }
    #expect(error?.description == line)
    #expect(error?.isOfConfiguration == true)
  }

  @Test("bytes that are no UTF-8 and lines that are too long are refused, not cut")
  func bytes() throws {
    var error = #expect(throws: SettingError.self) {
      try ConfigurationFile.read(Array("mtu = 1400\nhosts = /\u{ff}".utf8.dropLast()) + [0xff], of: "f")
    }
    #expect(error?.description == "f:2: this is not UTF-8, which is accepted")
    let most = INIFile.longestLine - "hosts = /".utf8.count
    #expect(try read("hosts = /" + String(repeating: "a", count: most)).first?.utf8.count == INIFile.longestLine)
    error = #expect(throws: SettingError.self) { try read("\nhosts = /" + String(repeating: "a", count: most + 1)) }
    #expect(error?.description == "f:2: a line of at most 4000 bytes is accepted")
    error = #expect(throws: SettingError.self) { try read("#" + String(repeating: "a", count: 70_000)) }
    #expect(error?.description == "f:1: a line of at most 4000 bytes is accepted")
  }

  static let sample = """
    # of this host
    hostname-file = /h
    socks = 127.0.0.1:9050
    mtu = 1400 ; bytes
    ipv4 = yes
    log-level = info

    [peer alice]
    name = \(alice)
    route = fd00:1::/64

    """

  @Test("whatever a byte is changed to, and wherever it ends, it is valid or wrong at a line of it")
  func flipped() throws {
    let whole = Array(ConfigurationFileTests.sample.utf8)
    var inputs: [[UInt8]] = []
    for index in whole.indices {
      inputs.append(Array(whole[..<index]))
      for byte in [0, 7, 9, 10, 13, 32, 35, 45, 47, 48, 58, 59, 61, 65, 91, 93, 97, 127, 128, 195, 239, 255] as [UInt8]
      {
        var changed = whole
        changed[index] = byte
        inputs.append(changed)
      }
      var shorter = whole
      shorter.remove(at: index)
      inputs.append(shorter)
    }
    var refused = 0
    for input in inputs {
      do throws(SettingError) {
        let given = try ConfigurationFile.read(input, of: "f")
        #expect(given.entries.count <= 8)
      } catch {
        refused += 1
        #expect(error.description.hasPrefix("f:") && error.isOfConfiguration)
        #expect(error.description.singleLine == error.description)
      }
    }
    #expect(refused > inputs.count / 4 && refused < inputs.count)
  }

  @Test("a file of peers.d holds peers alone: who may write it does not decide on the daemon")
  func peersAlone() throws {
    let peer = Array("[peer bob]\nname = 7fd22jhmqgfl45j6.onion\n".utf8)
    #expect(try ConfigurationFile.read(peer, of: "f", ofPeersAlone: true).entries.count == 1)
    #expect(throws: SettingError.self) {
      try ConfigurationFile.read(Array("log = /tmp/x\n".utf8) + peer, of: "f", ofPeersAlone: true)
    }
  }

  @Test("an error does not repeat a key")
  func secret() throws {
    let key = String(repeating: "a", count: 51)
    let text = Array("[peer bob]\nname = 7fd22jhmqgfl45j6.onion\nkey = \(key)\n".utf8)
    var draft = SettingsDraft()
    do {
      for entry in try ConfigurationFile.read(text, of: "f").entries { try draft.read(entry.setting, entry.value) }
      Issue.record("the key is accepted")
    } catch {
      #expect("\(error)".split(separator: "a").count > 1 && "\(error)".utf8.count < 120)
      #expect("\(error)".hasPrefix("f:3"))
    }
  }
}
