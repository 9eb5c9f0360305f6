import Testing

@testable import OverlayCore

@Suite("Names for this host's programs")
struct LocalNameServerTests {
  /// Two peers are known, one of them with a petname.
  private struct Names: LocalNames {
    let (alice, bob): (OnionName, OnionName)

    func address(of petname: Petname) -> IPv6Address? { petname.description == "alice" ? alice.address : nil }
    func petname(of address: IPv6Address) -> Petname? { address == alice.address ? Petname("alice") : nil }
    func name(of address: IPv6Address) -> OnionName? { [alice, bob].first { $0.address == address } }
  }

  private let server: LocalNameServer
  private let names: Names

  init() throws {
    server = try #require(LocalNameServer())
    names = Names(alice: try .sample(1), bob: try .sample(2))
  }

  private func answer(_ question: [UInt8], greatest: Int? = nil) throws -> ReadAnswer {
    let answer = question.withUnsafeBytes { server.answer(to: $0, greatest: greatest, from: names) }
    return try ReadAnswer(answer.message, to: question)
  }

  private func expected(_ code: UInt16, answers: [String] = [], authority: [String] = []) -> ReadAnswer {
    var answer = ReadAnswer(code: code, isAuthoritative: true)
    (answer.answers, answer.authority) = (answers, authority)
    return answer
  }

  @Test("an onion name has the address that it maps to, and is made known")
  func onionNames() throws {
    let name = try OnionName.sample(3)
    for text in ["\(name)", "\(name)".uppercased(), "\(name)."] {
      let question = try SampleMessage.question(text)
      let shown = text.hasSuffix(".") ? String(text.dropLast()) : text
      #expect(try answer(question) == expected(0, answers: ["\(shown) 60 AAAA \(name.address)"]))
      #expect(question.withUnsafeBytes { server.answer(to: $0, from: names).name } == name)
    }
  }

  @Test("a name whose address stands for another name leads nowhere")
  func rival() throws {
    struct Taken: LocalNames {
      let other: OnionName
      func address(of petname: Petname) -> IPv6Address? { nil }
      func petname(of address: IPv6Address) -> Petname? { nil }
      func name(of address: IPv6Address) -> OnionName? { other }
    }
    let question = try SampleMessage.question("\(names.alice)")
    let answer = question.withUnsafeBytes { server.answer(to: $0, from: Taken(other: names.bob)) }
    #expect(try ReadAnswer(answer.message, to: question) == expected(3, authority: ["onion 60 SOA 60"]))
    #expect(answer.name == nil)
  }

  @Test("a name that exists, asked for another type, has no such record", arguments: [1, 2, 15, 16, 33, 64, 65])
  func otherTypes(_ type: UInt16) throws {
    let cases = [
      ("\(names.bob)", "onion"), ("alice.oncilla.internal", "oncilla.internal"), ("onion", "onion"),
      ("oncilla.internal", "oncilla.internal"),
      (DNSName(of: names.bob.address).dotted, "3.4.b.e.e.7.8.d.7.8.d.f.ip6.arpa"),
    ]
    for (name, zone) in cases {
      let found = try answer(SampleMessage.question(name, type))
      #expect(found.answers.isEmpty && found.code == 0 && found.isAuthoritative, "\(name)")
      #expect(found.authority.map { $0.lowercased() } == ["\(zone) 60 soa 60"], "\(name)")
    }
  }

  @Test("petnames are in their zone, and addresses have names")
  func petnames() throws {
    let (alice, bob) = (names.alice, names.bob)
    let cases: [(String, UInt16, String)] = [
      ("alice.oncilla.internal", 28, "AAAA \(alice.address)"), ("ALICE.Oncilla.Internal", 255, "AAAA \(alice.address)"),
      (DNSName(of: alice.address).dotted, 12, "PTR alice.oncilla.internal"),
      (DNSName(of: bob.address).dotted, 12, "PTR \(bob)"), (DNSName(of: bob.address).dotted, 255, "PTR \(bob)"),
      ("onion", 6, "SOA 60"), ("oncilla.internal", 6, "SOA 60"), ("oncilla.internal", 255, "SOA 60"),
    ]
    for (name, type, value) in cases {
      let question = try SampleMessage.question(name, type)
      #expect(try answer(question) == expected(0, answers: ["\(name) 60 \(value)"]))
      #expect(question.withUnsafeBytes { server.answer(to: $0, from: names).name } == nil)
    }
  }

  @Test("the rest of the zones does not exist")
  func unknown() throws {
    let stranger = try OnionName.sample(9)
    let cases = [
      ("example.onion", "onion"), ("www.\(names.bob)", "onion"), ("\(try names.bob.twin)", "onion"),
      ("\(names.bob.rival)", "onion"), ("bob.oncilla.internal", "oncilla.internal"),
      ("www.alice.oncilla.internal", "oncilla.internal"), ("a_b.oncilla.internal", "oncilla.internal"),
      (DNSName(of: stranger.address).dotted, "3.4.b.e.e.7.8.d.7.8.d.f.ip6.arpa"),
      ("x.3.4.b.e.e.7.8.d.7.8.d.f.ip6.arpa", "3.4.b.e.e.7.8.d.7.8.d.f.ip6.arpa"),
      ("1.\(DNSName(of: names.bob.address).dotted)", "3.4.b.e.e.7.8.d.7.8.d.f.ip6.arpa"),
    ]
    for (name, zone) in cases {
      for type in [1, 12, 28, 255] as [UInt16] {
        #expect(
          try answer(SampleMessage.question(name, type)) == expected(3, authority: ["\(zone) 60 SOA 60"]), "\(name)")
      }
    }
  }

  @Test("digits of an address that are not all are no name, but others are below them")
  func nonTerminals() throws {
    let name = "d.\(DNSName(of: OverlayNetwork.tor.prefix).dotted)"
    let zone = "3.4.b.e.e.7.8.d.7.8.d.f.ip6.arpa"
    #expect(try answer(SampleMessage.question(name, 12)) == expected(0, authority: ["\(zone) 60 SOA 60"]))
  }

  @Test("all else is refused, and nothing of it is told")
  func refused() throws {
    let address = try IPv6Address.sample("fd87:d87e:eb44::1")
    let cases: [(String, UInt16, UInt16)] = [
      ("example.com", 28, 1), (".", 2, 1), ("internal", 28, 1), ("x.internal", 28, 1), ("onions", 28, 1),
      ("xoncilla.internal", 28, 1), ("ip6.arpa", 12, 1), (DNSName(of: address).dotted, 12, 1),
      ("1.0.0.127.in-addr.arpa", 12, 1), ("\(names.bob)", 28, 3), ("\(names.bob)", 28, 255), ("onion", 252, 1),
      ("oncilla.internal", 251, 1), ("version.bind", 16, 3), ("\(names.bob).example.com", 28, 1),
    ]
    for (name, type, recordClass) in cases {
      let question = try SampleMessage.question(name, type, recordClass: recordClass)
      #expect(try answer(question) == ReadAnswer(code: 5), "\(name)")
      #expect(question.withUnsafeBytes { server.answer(to: $0, from: names).name } == nil)
    }
  }

  @Test("EDNS is answered with EDNS, and a version that is not known is told")
  func extensions() throws {
    let name = "\(names.bob)"
    for (size, version, data) in [(512, 0, []), (4_096, 0, [0, 10, 0, 1, 7]), (0, 0, [])] as [(UInt16, UInt8, [UInt8])]
    {
      let rest = SampleMessage.extensions(size, version: version, data: data)
      var expected = expected(0, answers: ["\(name) 60 AAAA \(names.bob.address)"])
      expected.extensions = [" 1232 OPT 0"]
      #expect(try answer(SampleMessage.question(name, counts: (1, 0, 0, 1), and: rest)) == expected)
    }
    var other = ReadAnswer(code: 0)
    other.extensions = [" 1232 OPT 256"]
    let question = try SampleMessage.question(
      name, counts: (1, 0, 0, 1), and: SampleMessage.extensions(512, version: 1))
    #expect(try answer(question) == other)
    for rest in [
      SampleMessage.extensions(512) + SampleMessage.extensions(512), [1, 97] + SampleMessage.extensions(512),
      Array(SampleMessage.extensions(512).dropLast()),
    ] {
      let count: UInt16 = rest.count > 20 ? 2 : 1
      let question = try SampleMessage.question(name, counts: (1, 0, 0, count), and: rest)
      #expect(try answer(question) == ReadAnswer(code: 1))
    }
  }

  @Test("an answer that is too long says only so")
  func truncation() throws {
    let question = try SampleMessage.question("\(names.bob)")
    let whole = question.count + 28
    var cut = ReadAnswer(code: 0, isAuthoritative: true, isTruncated: true)
    #expect(try answer(question, greatest: whole - 1) == cut)
    #expect(try answer(question, greatest: whole).answers.count == 1)
    let extended = try SampleMessage.question(
      "\(names.bob)", counts: (1, 0, 0, 1), and: SampleMessage.extensions(0xffff))
    cut.extensions = [" 1232 OPT 0"]
    #expect(try answer(extended, greatest: whole + 10) == cut)
    #expect(try answer(extended, greatest: whole + 11).answers.count == 1)
    func greatest(_ question: [UInt8]) -> Int? {
      guard case .query(let query) = question.withUnsafeBytes({ DNSQuery.read($0) }) else { return nil }
      return query.greatestAnswer
    }
    #expect(greatest(question) == 512 && greatest(extended) == 1_232)
  }

  @Test("no answer of a zone is longer than 512 bytes")
  func longest() throws {
    let label = String(repeating: "a", count: 63)
    for zone in ["onion", "oncilla.internal", "3.4.b.e.e.7.8.d.7.8.d.f.ip6.arpa"] {
      let rest = 253 - 3 * 64 - zone.utf8.count - 1
      let name = "\(label).\(label).\(label).\(String(repeating: "b", count: rest)).\(zone)"
      let question = try SampleMessage.question(name, counts: (1, 0, 0, 1), and: SampleMessage.extensions(512))
      let found = try answer(question)
      #expect(found.code == 3 && !found.isTruncated && found.authority.count == 1)
    }
  }

  @Test("the zone of petnames is no other zone and has room")
  func zones() {
    for zone in [
      "", ".", "onion", "x.onion", "arpa", "ip6.arpa", "1.ip6.arpa", "a..b", String(repeating: "a.", count: 100),
    ] {
      #expect(LocalNameServer(zone: zone) == nil, "\(zone)")
    }
    for zone in ["home", "vpn.example.org.", "oncilla.internal"] {
      #expect(LocalNameServer(zone: zone) != nil, "\(zone)")
    }
  }
}
