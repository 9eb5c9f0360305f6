import Testing

@testable import OverlayCore

@Suite("The rules of the door")
struct DoorRuleTests {
  @Test(
    "a rule is read as it is written, in any case and with any blanks",
    arguments: [
      ("any", "any", nil),
      ("tcp/22", "tcp/22", nil),
      ("TCP/22 FROM Alice", "tcp/22", ["Alice"]),
      ("udp/5060 from alice,bob", "udp/5060", ["alice", "bob"]),
      ("  udp/5060   from alice, bob ", "udp/5060", ["alice", "bob"]),
      ("tcp/6000-6010", "tcp/6000-6010", nil),
      ("tcp/1-65535 from fd87:d87e:eb43::2", "tcp/1-65535", ["fd87:d87e:eb43::2"]),
      ("any from alice", "any", ["alice"]),
    ] as [(String, String, [String]?)])
  func read(_ text: String, _ subject: String, _ callers: [String]?) throws {
    let rule = try WrittenDoorRule(text)
    #expect(rule.subject.description == subject)
    #expect(rule.callers == callers)
  }

  @Test(
    "what is not understood is named, with what is accepted",
    arguments: [
      ("", .subject("")),
      ("ssh", .subject("ssh")),
      ("ping", .subject("ping")),
      ("sctp/22", .subject("sctp/22")),
      ("tcp", .subject("tcp")),
      ("tcp/22/23", .subject("tcp/22/23")),
      ("tcp/0", .ports("0")),
      ("tcp/65536", .ports("65536")),
      ("tcp/", .ports("")),
      ("tcp/ssh", .ports("ssh")),
      ("tcp/10-9", .ports("10-9")),
      ("tcp/1-2-3", .ports("1-2-3")),
      ("tcp/+22", .ports("+22")),
      ("tcp/22 alice", .word("alice")),
      ("tcp/22,tcp/23", .subject("tcp/22,tcp/23")),
      ("tcp/22 from", .callers),
      ("tcp/22 from alice,", .callers),
      ("tcp/22 from ,alice", .callers),
    ] as [(String, DoorRuleError)])
  func refused(_ text: String, _ error: DoorRuleError) {
    #expect(throws: error) { try WrittenDoorRule(text) }
  }

  @Test("an error says what is accepted; who writes ping hears that no rule is needed")
  func advice() {
    #expect(
      DoorRuleError.subject("ping").description
        == "'ping' is none of what a rule lets in: tcp/PORT, udp/PORT, a range such as tcp/6000-6010, or any is "
        + "accepted; pings are let in without a rule")
  }

  @Test("the first rule that lets a packet in is found, by protocol, port and caller")
  func found() throws {
    let (alice, bob) = (DoorStage.peer, DoorStage.other)
    let rules = DoorRules([
      DoorRule(.ports(.tcp, 22...22), from: [alice]),
      DoorRule(.ports(.tcp, 20...30)),
      DoorRule(.ports(.udp, 53...53), from: [alice, bob]),
      DoorRule(.ports(.tcp, 65_535...65_535)),
      DoorRule(.any, from: [bob]),
      DoorRule(.ports(.tcp, 25...25), from: [alice]),
    ])
    let carol = IPv6Address(high: alice.high, low: 9)
    let expected: [(UInt8, UInt16, IPv6Address, Int?)] = [
      (6, 22, alice, 0), (6, 22, bob, 1), (6, 22, carol, 1), (6, 19, alice, nil), (6, 20, carol, 1), (6, 30, carol, 1),
      (6, 31, carol, nil), (17, 53, alice, 2), (17, 53, bob, 2), (17, 53, carol, nil), (17, 22, carol, nil),
      (6, 65_535, carol, 3), (6, 0, carol, nil), (6, 80, bob, 4), (17, 54, bob, 4), (132, 0, bob, 4),
      (132, 0, alice, nil), (6, 25, alice, 1),
    ]
    for (number, port, caller, rule) in expected {
      #expect(rules.rule(for: number, port: port, of: caller) == rule, "\(number)/\(port) of \(caller)")
    }
    #expect(rules.rule(forAllOf: bob) == 4)
    #expect(rules.rule(forAllOf: alice) == nil)
    #expect(rules.openToAll == nil)
    #expect(DoorRules(DoorPolicy.open.rules).openToAll == 0)
  }

  @Test("a rule shows the names that the operator wrote")
  func description() {
    #expect(
      DoorRule(.ports(.tcp, 22...22), from: [DoorStage.peer], called: ["alice"]).description == "tcp/22 from alice")
    #expect(DoorRule(.any, from: [DoorStage.peer]).description == "any from fd87:d87e:eb43::2")
    #expect(DoorRule(.any).description == "any")
  }
}
