import OverlayCore
import Testing

@testable import oncilla

@Suite("Option --peer")
struct PeerOptionTests {
  static let alice = "7fd22jhmqgfl45j6.onion"
  static let bob = "wq52ql3uxgcxqjon.onion"
  static let carol = "657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd.onion"
  /// Another name for the address of `carol`: version 2 has no checksum to forbid it.
  static let twin = "lmpt67wunx7itgyd.onion"

  func peers(_ values: [String], _ others: String...) throws -> [ConfiguredPeer] {
    let arguments = ["--hostname-file=h"] + values.flatMap { ["--peer", $0] } + others
    return try #require(try RunOptions.parse(arguments)).daemon.peers
  }

  static let spellings: [(String, String?)] = [
    (alice, nil), ("7FD22JHMQGFL45J6", nil), ("alice=\(alice)", "alice"), ("Alice=\(alice)", "alice"),
    ("fd87:d87e:eb43:f947:ad24:ec81:8abe:753e/\(alice)", nil),
    ("a=FD87:D87E:EB43:F947:AD24:EC81:138.190.117.62/\(alice)", "a"),
    (" \(alice)\n", nil), ("alice = \(alice)", "alice"), ("http://\(alice)/", nil), ("alice=https://\(alice)", "alice"),
    ("\(alice):8060", nil), ("alice=HTTP://7FD22JHMQGFL45J6.ONION:8060/", "alice"), ("\(alice)/", nil),
    ("fd87:d87e:eb43:f947:ad24:ec81:8abe:753e/http://\(alice)/", nil),
  ]

  @Test("petname and address may stand before the name", arguments: spellings)
  func accepted(value: String, petname: String?) throws {
    let expected = ConfiguredPeer(name: try OnionName(PeerOptionTests.alice), petname: petname.flatMap { Petname($0) })
    #expect(try peers([value]) == [expected])
  }

  static let refusals: [([String], String, String)] = [
    ([], "abc=abc", "an onion name has 56 characters before .onion (16 in version 2), not 3"),
    ([], carol.prefix(50) + "", "an onion name has 56 characters before .onion (16 in version 2), not 50"),
    ([], "alice", "after a petname, '=' and the onion name are accepted: alice=NAME"),
    ([], "alice:\(carol)", "after a petname, '=' and the onion name are accepted: alice=NAME"),
    ([], "alice \(carol):8060", "after a petname, '=' and the onion name are accepted: alice=NAME"),
    ([], "alice http://\(carol)/", "after a petname, '=' and the onion name are accepted: alice=NAME"),
    ([], "alice/\(carol)", "'alice' is not an IPv6 address; a petname is followed by '=': alice=NAME is accepted"),
    ([], "alice=", "the name is missing: [PETNAME=][ADDRESS/]NAME is accepted"),
    ([], "", "the name is missing: [PETNAME=][ADDRESS/]NAME is accepted"),
    (
      [], "fd87:d87e:eb43:f947:ad24:ec81:8abe:753e=\(alice)",
      "an address is followed by '/', a petname by '=': [PETNAME=][ADDRESS/]NAME is accepted"
    ),
    ([], "\(alice):80", "its port is 80, and all peers are dialled at port 8060, which --service-port changes"),
    ([], "\(alice):http", "what follows its colon is not a port: the name is accepted alone"),
    ([], "http://\(alice)/wiki/Main", "it has a path: the name is accepted alone"),
    (
      [], carol.prefix(55) + "c.onion", "its checksum does not match: it is mistyped or damaged"
    ),
    ([], "=\(alice)", "the petname '' is not a DNS label: 1 to 63 letters, digits and inner hyphens are accepted"),
    (
      [], "a_b=\(alice)",
      "the petname 'a_b' is not a DNS label: 1 to 63 letters, digits and inner hyphens are accepted"
    ),
    ([], "/\(alice)", "'' is not an IPv6 address"),
    ([], "a=b/\(alice)", "'b' is not an IPv6 address; a petname is followed by '=': b=NAME is accepted"),
    (
      [], "fd87:d87e:eb43::1/\(alice)",
      "fd87:d87e:eb43::1 is not the address of this name, which is fd87:d87e:eb43:f947:ad24:ec81:8abe:753e"
    ),
    ([alice], alice, "this peer is already given"),
    ([alice], "alice=7FD22JHMQGFL45J6", "this peer is already given"),
    (["a=\(alice)"], "A=\(bob)", "the petname 'a' is already that of another peer"),
    (
      [carol], twin,
      "657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd.onion is already given and has the same address "
        + "fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03"
    ),
  ]

  @Test("a name's port is the service port, wherever that option stands")
  func servicePort() throws {
    #expect(try peers(["\(PeerOptionTests.alice):9000"], "--service-port", "9000").count == 1)
    let error = #expect(throws: CommandError.self) {
      try peers(["\(PeerOptionTests.alice):8060"], "--service-port", "9000")
    }
    #expect(error?.description.contains("its port is 8060, and all peers are dialled at port 9000") == true)
  }

  @Test("what contradicts itself or an earlier peer is refused", arguments: refusals)
  func refused(earlier: [String], value: String, reason: String) {
    let error = #expect(throws: CommandError.self) { try peers(earlier + [value]) }
    #expect(error?.description == "--peer '\(value)': \(reason)")
    #expect(error?.exitStatus == 2)
  }
}
