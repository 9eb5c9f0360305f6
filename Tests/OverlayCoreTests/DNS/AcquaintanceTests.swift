import Testing

@testable import OverlayCore

/// What OnionCat 4.11 sends and takes: its own functions were run, and these are the bytes that they made and accepted.
enum OnionCatMessage {
  static let name = "657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd.onion"
  static let asked = """
    0133013001620139013901380165016601640136013401640165013701660133016601310162013501330134016201650165013701380164
    013701380164016603697036046172706100000c0001
    """
  static let record = """
    c00c000c000100000e1000403836353767373561626f71796c6a6d7073746a786e7162736537656b347564336e6b3377616a77676e6c6d70
    74363777756e78376974677964056f6e696f6e00
    """
  /// The question of OnionCat 4.11 for fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03.
  static let question = "1234 0000 0001 0000 0000 0000 \(asked)"
  /// Its answer where the name is its own or from its hosts file.
  static let authoritative = "1234 8400 0001 0001 0000 0000 \(asked) \(record)"
  /// Its answer where it learned the name.
  static let learned = "1234 8000 0001 0001 0000 0000 \(asked) \(record)"
  /// Its answer where it knows no name.
  static let unknown = "1234 8003 0001 0000 0000 0000 \(asked)"
  /// Its answer to another opcode.
  static let notImplemented = "1234 a004 0001 0000 0000 0000 \(asked)"
  /// Its answer to one who wants recursion: EDNS was in the question, and is not in the answer.
  static let recursing = "1234 8500 0001 0001 0000 0000 \(asked) \(record)"
}

@Suite("Names asked among acquaintances")
struct AcquaintanceTests {
  private typealias Known = AcquaintanceServer.KnownName

  private static let name = Result { try OnionName(OnionCatMessage.name) }

  private static func answer(_ message: [UInt8], isLocal: Bool = true) throws -> [UInt8]? {
    let name = try name.get()
    return message.withUnsafeBytes { message in
      AcquaintanceServer.answer(to: message) { $0 == name.address ? Known(name: name, isLocal: isLocal) : nil }
    }
  }

  @Test("OnionCat's question is answered with the bytes with which it answers itself")
  func onionCatAsks() throws {
    let question = try hexadecimal(OnionCatMessage.question)
    #expect(try Self.answer(question) == hexadecimal(OnionCatMessage.authoritative))
    #expect(try Self.answer(question, isLocal: false) == hexadecimal(OnionCatMessage.learned))
    #expect(
      question.withUnsafeBytes { AcquaintanceServer.answer(to: $0) { _ in nil } }
        == (try hexadecimal(OnionCatMessage.unknown)))
  }

  @Test("EDNS does not disturb, and is not in the answer")
  func extensions() throws {
    let question =
      try hexadecimal("1234 0120 0001 0000 0000 0001 \(OnionCatMessage.asked)") + SampleMessage.extensions(4_096)
    #expect(try Self.answer(question) == hexadecimal(OnionCatMessage.recursing))
    #expect(
      try Self.answer(question.dropLast(11) + SampleMessage.extensions(0, version: 9))
        == hexadecimal(OnionCatMessage.recursing))
  }

  @Test("what is not asked for the name of an overlay address has no such name")
  func others() throws {
    let name = try Self.name.get()
    let own = DNSName(of: name.address).dotted
    let other = DNSName(of: try .sample("fd87:d87e:eb44:5b1f:3f7e:d46d:fe89:9b03")).dotted
    for type in UInt16.min...300 where type != 12 {
      let question = try SampleMessage.question(own, type)
      #expect(try ReadAnswer(Self.answer(question), to: question) == ReadAnswer(code: 3))
    }
    let questions = [
      try SampleMessage.question(own, 12, recordClass: 3), try SampleMessage.question(own, 12, recordClass: 255),
      try SampleMessage.question(other, 12), try SampleMessage.question("ip6.arpa", 12),
      try SampleMessage.question(OnionCatMessage.name, 28), try SampleMessage.question("example.com", 1),
      try SampleMessage.question(".", 2),
    ]
    for question in questions {
      #expect(try ReadAnswer(Self.answer(question), to: question) == ReadAnswer(code: 3))
    }
  }

  @Test("other opcodes are not implemented", arguments: 1...15 as ClosedRange<UInt16>)
  func opcodes(_ opcode: UInt16) throws {
    let question = try SampleMessage.question("example.com", flags: opcode << 11)
    #expect(try Self.answer(question) == [0xab, 0xcd, 0x80 | UInt8(opcode << 3), 4, 0, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test("what is malformed is told so, and what is an answer, or shorter than a header, is not answered")
  func malformed() throws {
    let question = try hexadecimal(OnionCatMessage.question)
    for count in 12..<question.count {
      #expect(try Self.answer(Array(question.prefix(count))) == [0x12, 0x34, 0x80, 1] + [0, 0, 0, 0, 0, 0, 0, 0])
    }
    for count in 0..<12 { #expect(try Self.answer(Array(question.prefix(count))) == nil) }
    for answer in [OnionCatMessage.authoritative, OnionCatMessage.unknown, OnionCatMessage.notImplemented] {
      #expect(try Self.answer(hexadecimal(answer)) == nil)
    }
    for place in [4, 6, 8, 10] {
      for number in [0, 1, 2, 255, 0x7fff, 0x8000, 0xffff] as [UInt16] where place != 4 || number != 1 {
        guard place == 4 || number != 0 else { continue }
        var bytes = question
        (bytes[place], bytes[place + 1]) = (UInt8(number >> 8), UInt8(number & 0xff))
        #expect(try Self.answer(bytes)?.prefix(4) == [0x12, 0x34, 0x80, 1], "\(number) at \(place)")
      }
    }
  }

  @Test("our question has OnionCat's bytes, and its answers are read")
  func weAsk() throws {
    let name = try Self.name.get()
    let question = AcquaintanceQuestion(address: name.address, identifier: 0x1234)
    #expect(question.message == (try hexadecimal(OnionCatMessage.question)))
    let cases: [(String, Result<AcquaintanceQuestion.Answer, AcquaintanceFailure>)] = [
      (OnionCatMessage.authoritative, .success(.init(name: name, isAuthoritative: true))),
      (OnionCatMessage.recursing, .success(.init(name: name, isAuthoritative: true))),
      (OnionCatMessage.learned, .success(.init(name: name, isAuthoritative: false))),
      (OnionCatMessage.unknown, .failure(.unknown)),
      ("1234 8001 0001 0000 0000 0000 \(OnionCatMessage.asked)", .failure(.refused(.formatError))),
      ("1234 8005 0000 0000 0000 0000", .failure(.refused(.refused))),
      ("1234 8003 0000 0000 0000 0000", .failure(.unknown)),
      (OnionCatMessage.notImplemented, .failure(.notAnswer)),
      (OnionCatMessage.question, .failure(.notAnswer)),
      ("", .failure(.notAnswer)),
      ("1235 8400 0001 0001 0000 0000 \(OnionCatMessage.asked) \(OnionCatMessage.record)", .failure(.otherQuestion)),
      ("1234 8000 0000 0000 0000 0000", .failure(.malformed)),
      ("1234 8003 0001 0000 0000 0000", .failure(.malformed)),
      ("1234 8600 0001 0001 0000 0000 \(OnionCatMessage.asked) \(OnionCatMessage.record)", .failure(.malformed)),
      ("1234 8400 0001 0000 0000 0000 \(OnionCatMessage.asked)", .failure(.unknown)),
      (
        "1234 8400 0001 0002 0000 0000 \(OnionCatMessage.asked) \(OnionCatMessage.record) \(OnionCatMessage.record)",
        .failure(.malformed)
      ),
      ("1234 8400 0001 ffff 0000 0000 \(OnionCatMessage.asked) \(OnionCatMessage.record)", .failure(.malformed)),
      ("1234 8400 0001 0001 0000 0000 \(OnionCatMessage.asked) c00c 001c 0001 00000e10 0000", .failure(.malformed)),
      ("1234 8400 0001 0001 0000 0000 \(OnionCatMessage.asked) 00 000c 0001 00000e10 0001 00", .failure(.malformed)),
      ("1234 8400 0001 0001 0000 0000 \(OnionCatMessage.asked) c00c 000c 0003 00000e10 0001 00", .failure(.malformed)),
      (
        "1234 8400 0001 0001 0000 0000 \(OnionCatMessage.asked) c00c 000c 0001 00000e10 0002 00 00",
        .failure(.malformed)
      ),
      ("1234 8400 0001 0001 0000 0000 \(OnionCatMessage.asked) c00c 000c 0001 00000e10 0001 00", .failure(.notName)),
      ("1234 8400 0001 0001 0000 0000 \(OnionCatMessage.asked) c00c 000c 0001 00000e10 0002 c00c", .failure(.notName)),
    ]
    for (text, expected) in cases {
      let found = Self.read(try hexadecimal(text), question)
      #expect(found == expected, "\(text)")
    }
    let whole = try hexadecimal(OnionCatMessage.authoritative)
    for count in 0..<whole.count {
      #expect(throws: AcquaintanceFailure.self) { try Self.read(Array(whole.prefix(count)), question).get() }
    }
  }

  private static func read(
    _ message: [UInt8], _ question: AcquaintanceQuestion
  ) -> Result<AcquaintanceQuestion.Answer, AcquaintanceFailure> {
    message.withUnsafeBytes { message in
      do throws(AcquaintanceFailure) { return .success(try question.answer(message)) } catch { return .failure(error) }
    }
  }

  @Test("each question has an identifier of its own, and all of them are used")
  func identifiers() throws {
    var random = SeededGenerator(seed: 1)
    let address = try Self.name.get().address
    let questions = (0..<1_000).map { _ in AcquaintanceQuestion(about: address, using: &random) }
    #expect(Set(questions.map(\.identifier)).count > 980)
    for bit in 0..<16 {
      let count = questions.count { $0.identifier >> UInt16(bit) & 1 == 1 }
      #expect((400...600).contains(count))
    }
    #expect(
      questions.allSatisfy { $0.message.count == 90 && $0.message.dropFirst(2) == questions[0].message.dropFirst(2) })
  }

  @Test("a long message whose names are each a pointer to the one before is refused, a short one is not")
  func longMessage() throws {
    func question(_ count: Int) throws -> [UInt8] {
      var records: [UInt8] = []
      for number in 0..<count {
        // The root is the question's name; each record has twelve bytes, and begins with its name.
        let target = number == 0 ? 12 : 17 + 12 * (number - 1)
        records += [0xc0 | UInt8(target >> 8 & 0x3f), UInt8(target & 0xff), 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]
      }
      return try SampleMessage.question(".", 2, counts: (1, 0, 0, UInt16(count)), and: records)
    }
    #expect(try ReadAnswer(Self.answer(question(127)), to: question(127)) == ReadAnswer(code: 3))
    #expect(try ReadAnswer(Self.answer(question(5_000)), to: question(5_000)) == ReadAnswer(code: 1))
  }

  @Test("a name of another address is not believed, nor is one of version 2 or below another")
  func lies() throws {
    let (name, other) = (try Self.name.get(), try OnionName.sample(1))
    let question = AcquaintanceQuestion(address: name.address, identifier: 7)
    func told(_ text: String?) throws -> Result<AcquaintanceQuestion.Answer, AcquaintanceFailure> {
      let asked = DNSQuestion(DNSName(of: name.address), .pointer)
      let records = try text.map {
        [DNSReply.Record(name: asked.name, lifetime: 1, value: .pointer(try #require(DNSName($0))))]
      }
      guard case .query(let query) = question.message.withUnsafeBytes({ DNSQuery.read($0) }) else {
        throw AcquaintanceFailure.malformed
      }
      return Self.read(DNSReply(code: .noError, answers: records ?? []).message(to: query, greatest: 512), question)
    }
    #expect(try told(name.description.uppercased()) == .success(.init(name: name, isAuthoritative: false)))
    #expect(try told(other.description) == .failure(.otherAddress))
    #expect(try told(name.twin.description) == .failure(.notName))
    #expect(try told(name.rival.description) == .failure(.notName))
    #expect(try told("www.\(name)") == .failure(.notName))
    #expect(try told(name.label) == .failure(.notName))
    // A name server of the host's own, which has other records alone.
    #expect(try told(nil) == .failure(.unknown))
    // An answer about another address.
    let elsewhere = AcquaintanceQuestion(address: other.address, identifier: 0x1234)
    #expect(Self.read(try hexadecimal(OnionCatMessage.authoritative), elsewhere) == .failure(.otherQuestion))
  }
}
