/// The first twelve bytes of each message (RFC 1035 section 4.1.1):
///
///     identifier[2]  QR | opcode[4 bits] | AA | TC | RD   RA | Z | AD | CD | code[4 bits]
///     questions[2]  answers[2]  authority records[2]  additional records[2]
struct DNSHeader: Equatable, Sendable {
  /// The number of its bytes.
  static let size = 12

  /// What the asker recognises the answer by.
  var identifier: UInt16
  /// The third and fourth byte.
  var flags: UInt16
  /// How many questions there are.
  var questions: UInt16 = 0
  /// How many records answer.
  var answers: UInt16 = 0
  /// How many records tell of the zone.
  var authority: UInt16 = 0
  /// How many further records there are.
  var additional: UInt16 = 0

  /// The bits of the flags.
  enum Flag {
    static let isResponse: UInt16 = 0x8000
    static let isAuthoritative: UInt16 = 0x0400
    static let isTruncated: UInt16 = 0x0200
    static let wantsRecursion: UInt16 = 0x0100
    static let checkingDisabled: UInt16 = 0x0010
    static let opcode: UInt16 = 0x7800
  }

  /// Reads the header of a message; `nil` if it is shorter.
  init?(_ message: UnsafeRawBufferPointer) {
    guard message.count >= DNSHeader.size else { return nil }
    identifier = message.number(at: 0)
    flags = message.number(at: 2)
    questions = message.number(at: 4)
    answers = message.number(at: 6)
    authority = message.number(at: 8)
    additional = message.number(at: 10)
  }

  /// Makes a header that counts nothing.
  init(identifier: UInt16, flags: UInt16 = 0) {
    (self.identifier, self.flags) = (identifier, flags)
  }

  /// Whether it is an answer.
  var isResponse: Bool { flags & Flag.isResponse != 0 }
  /// Whether who answers is the one who has to know.
  var isAuthoritative: Bool { flags & Flag.isAuthoritative != 0 }
  /// Whether something was left out for want of room.
  var isTruncated: Bool { flags & Flag.isTruncated != 0 }
  /// Whether it is an ordinary question, or the answer to one.
  var isQuery: Bool { flags & Flag.opcode == 0 }
  /// How the answer is meant.
  var code: DNSCode { DNSCode(rawValue: flags & 0xf) }

  /// The twelve bytes.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    for number in [identifier, flags, questions, answers, authority, additional] { bytes.append(bigEndian: number) }
    return bytes
  }
}

/// How an answer is meant (RFC 1035 section 4.1.1, RFC 6891 section 6.1.3). Any number has a value.
struct DNSCode: RawRepresentable, Hashable, Sendable {
  let rawValue: UInt16

  static let noError = DNSCode(rawValue: 0)
  /// The question is malformed.
  static let formatError = DNSCode(rawValue: 1)
  static let serverFailure = DNSCode(rawValue: 2)
  /// There is no such name.
  static let nameError = DNSCode(rawValue: 3)
  /// Such questions are not answered by anybody like this server.
  static let notImplemented = DNSCode(rawValue: 4)
  /// This server does not answer such questions.
  static let refused = DNSCode(rawValue: 5)
  /// The version of EDNS is not known. Its upper eight bits stand in the record of EDNS.
  static let badVersion = DNSCode(rawValue: 16)
}

/// Why bytes are no message.
enum DNSMessageError: Error, Equatable, Sendable {
  /// They end too early.
  case cut
  /// A name in it is too long, has a label of a kind that nobody uses, or leads in a circle.
  case name
  /// It has another number of something than it may.
  case counts
  /// Its record of EDNS is malformed.
  case extensions
}
