/// What reads bytes of those who ask for names and of those who tell some: messages of DNS on both sides, and the line
/// of a lookup service.
enum NameDecoders {
  /// All names of the world are known, and one of them by a petname.
  struct Names: LocalNames {
    func address(of petname: Petname) -> IPv6Address? {
      petname.description == "alice" ? FuzzWorld.names[0].address : nil
    }
    func petname(of address: IPv6Address) -> Petname? {
      address == FuzzWorld.names[0].address ? Petname("alice") : nil
    }
    func name(of address: IPv6Address) -> OnionName? { FuzzWorld.names.first { $0.address == address } }
  }

  /// Both servers: what they answer is bounded, is an answer to the question, and can be read.
  static func serve(_ input: inout FuzzInput) {
    guard let server = LocalNameServer() else { fatalError("no server") }
    let greatest = input.flag() ? 65_535 : nil
    withCopy(of: message(&input)) { memory in
      let message = UnsafeRawBufferPointer(memory)
      let told = AcquaintanceServer.answer(to: message) { address in
        Names().name(of: address).map { AcquaintanceServer.KnownName(name: $0, isLocal: message.count & 1 == 0) }
      }
      if let told { look(at: told, answering: message, atMost: DNSQuery.smallestAnswer) }
      let local = server.answer(to: message, greatest: greatest, from: Names())
      check((local.message == nil) == (told == nil), "one server answers what the other does not")
      if let answer = local.message {
        look(at: answer, answering: message, atMost: greatest ?? DNSQuery.greatestAnswer)
      }
      if let name = local.name { check(!name.isVersion2, "a name that cannot be dialled is made known") }
      if case .query(let query) = DNSQuery.read(message) {
        let name = query.question.name
        check(name.wire.count <= DNSName.longest && DNSName(labels: name.labels) == name, "a name is another")
        if let address = name.address { check(DNSName(of: address) == name, "an address has another name") }
      }
    }
  }

  private static func look(at answer: [UInt8], answering question: UnsafeRawBufferPointer, atMost greatest: Int) {
    check(answer.count <= greatest, "an answer of \(answer.count) bytes")
    answer.withUnsafeBytes { bytes in
      guard let header = DNSHeader(bytes), header.isResponse else { fatalError("an answer is none") }
      check(bytes.prefix(2).elementsEqual(question.prefix(2)), "an answer to another question")
      check(DNSQuery.read(bytes) == .ignored, "an answer would be answered")
      var offset = DNSHeader.size
      do throws(DNSMessageError) {
        for _ in 0..<header.questions { _ = try DNSQuestion(bytes, at: &offset) }
        for _ in 0..<Int(header.answers) + Int(header.authority) + Int(header.additional) {
          _ = try DNSRecord(bytes, at: &offset)
        }
      } catch {
        fatalError("an answer cannot be read: \(error)")
      }
      check(offset == bytes.count, "something follows an answer")
    }
  }

  /// Who asks an acquaintance: no name is believed but one that maps to the address.
  static func ask(_ input: inout FuzzInput) {
    let question = AcquaintanceQuestion(address: FuzzWorld.name(input.byte()).address, identifier: 0x1234)
    var answer: [UInt8]
    switch input.choice(3) {
    case 0: answer = input.all()
    case 1:
      answer =
        question.message.prefix(2) + [0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0] + question.message.dropFirst(12) + input.all()
    default:
      let told = FuzzWorld.name(input.byte())
      answer = question.message.withUnsafeBytes { message in
        AcquaintanceServer.answer(to: message) { _ in AcquaintanceServer.KnownName(name: told, isLocal: true) } ?? []
      }
      FuzzPacket.spoil(&answer, &input)
    }
    withCopy(of: answer) { memory in
      guard let found = try? question.answer(UnsafeRawBufferPointer(memory)) else { return }
      check(found.name.address == question.address && !found.name.isVersion2, "a name of another address is believed")
    }
  }

  /// Who asks a lookup service is told the same, in whatever pieces it comes.
  static func lookUp(_ input: inout FuzzInput) {
    let name = FuzzWorld.name(input.byte())
    let size = 1 + input.choice(70)
    var line = LookupAnswer.line(of: name)
    if input.flag() { line = input.all() } else { FuzzPacket.spoil(&line, &input) }
    let whole = end(of: line, about: name.address, inPiecesOf: max(line.count, 1))
    check(end(of: line, about: name.address, inPiecesOf: size) == whole, "an answer in pieces is another")
    if case .success(let found) = whole {
      check(found.address == name.address, "a name of another address is believed")
    }
  }

  private static func end(
    of line: [UInt8], about address: IPv6Address, inPiecesOf size: Int
  ) -> Result<OnionName, LookupFailure> {
    var answer = LookupAnswer(about: address)
    for start in stride(from: 0, to: line.count, by: size) {
      let piece = Array(line[start..<min(start + size, line.count)])
      let found: Result<OnionName?, LookupFailure> = withCopy(of: piece) { memory in
        do throws(LookupFailure) { return .success(try answer.consume(UnsafeRawBufferPointer(memory))) } catch {
          return .failure(error)
        }
      }
      switch found {
      case .success(let name?): return .success(name)
      case .success: continue
      case .failure(let failure): return .failure(failure)
      }
    }
    return .failure(answer.closed)
  }

  /// A message to a server: any bytes, or a question that is spoilt, for a name that has an answer or not.
  private static func message(_ input: inout FuzzInput) -> [UInt8] {
    if input.flag() { return input.all() }
    let name = FuzzWorld.name(input.byte())
    let texts = ["\(name)", "alice.oncilla.internal", "onion", "x.oncilla.internal", "example.com"]
    let choice = input.choice(texts.count + 2)
    let asked = choice < texts.count ? DNSName(texts[choice]) : DNSName(of: name.address)
    let types: [DNSType] = [.pointer, .ipv6Address, .any, .startOfAuthority, DNSType(rawValue: input.number())]
    var header = DNSHeader(identifier: input.number(), flags: input.flag() ? 0x0100 : 0)
    header.questions = 1
    header.additional = input.flag() ? 1 : 0
    var message = header.bytes + DNSQuestion(asked ?? .root, types[input.choice(types.count)]).bytes
    if header.additional == 1 { message += [0, 0, 41] + input.bytes(atMost: 6) + [0, 0] }
    FuzzPacket.spoil(&message, &input)
    return message
  }
}
