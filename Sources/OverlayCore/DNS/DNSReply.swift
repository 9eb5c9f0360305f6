/// What a server answers, as a value that is written into a message.
struct DNSReply: Equatable, Sendable {
  /// What a record says.
  enum Value: Equatable, Sendable {
    /// The address of a name.
    case ipv6Address(IPv6Address)
    /// The name of an address.
    case pointer(DNSName)
    /// That the zone is this server's, and for how many seconds it is remembered that something is not in it (RFC 2308
    /// section 5). The other numbers of it are for servers that copy the zone, and there are none.
    case startOfAuthority(seconds: UInt32)
  }

  /// A record: whose it is, for how many seconds it is valid, and what it says.
  struct Record: Equatable, Sendable {
    let name: DNSName
    let lifetime: UInt32
    let value: Value
  }

  /// How it is meant.
  var code: DNSCode
  /// Whether this server is the one who has to know.
  var isAuthoritative = false
  /// The records that answer.
  var answers: [Record] = []
  /// The record of the zone, where nothing answers.
  var authority: Record?

  /// The longest answer's bytes are made in one piece of memory.
  private static let usualSize = 256

  /// Returns the message that tells no more than that a message was refused.
  static func message(refusing header: DNSHeader, _ code: DNSCode) -> [UInt8] {
    DNSHeader(identifier: header.identifier, flags: flags(of: header, code: code)).bytes
  }

  /// Returns the message, of at most `greatest` bytes: a longer one says only that it was too long (RFC 2181 section
  /// 9), whereupon the asker comes by TCP. With `withExtensions` it has EDNS where the question has.
  func message(to query: DNSQuery, greatest: Int, withExtensions: Bool = true) -> [UInt8] {
    let whole = message(to: query, withRecords: true, withExtensions: withExtensions)
    guard whole.count > greatest else { return whole }
    var cut = message(to: query, withRecords: false, withExtensions: withExtensions)
    cut[2] |= UInt8(DNSHeader.Flag.isTruncated >> 8)
    return cut
  }

  private func message(to query: DNSQuery, withRecords: Bool, withExtensions: Bool) -> [UInt8] {
    let hasExtensions = withExtensions && query.extensions != nil
    var header = DNSHeader(
      identifier: query.header.identifier,
      flags: DNSReply.flags(of: query.header, code: code) | (isAuthoritative ? DNSHeader.Flag.isAuthoritative : 0))
    header.questions = 1
    header.answers = withRecords ? UInt16(clamping: answers.count) : 0
    header.authority = withRecords && authority != nil ? 1 : 0
    header.additional = hasExtensions ? 1 : 0
    var message: [UInt8] = []
    message.reserveCapacity(DNSReply.usualSize)
    message += header.bytes
    message += query.question.bytes
    if withRecords {
      for record in answers.prefix(Int(header.answers)) { record.append(to: &message, query.question.name) }
      authority?.append(to: &message, query.question.name)
    }
    if hasExtensions {
      message += DNSName.root.wire
      message.append(bigEndian: DNSType.extensions.rawValue)
      message.append(bigEndian: UInt16(DNSQuery.greatestAnswer))
      message += [UInt8(truncatingIfNeeded: code.rawValue >> 4), 0, 0, 0, 0, 0]
    }
    return message
  }

  private static func flags(of header: DNSHeader, code: DNSCode) -> UInt16 {
    typealias Flag = DNSHeader.Flag
    let kept = header.flags & (Flag.opcode | Flag.wantsRecursion | Flag.checkingDisabled)
    return Flag.isResponse | kept | code.rawValue & 0xf
  }
}

extension DNSReply.Value {
  /// The type of its record.
  var type: DNSType {
    switch self {
    case .ipv6Address: .ipv6Address
    case .pointer: .pointer
    case .startOfAuthority: .startOfAuthority
    }
  }
}

extension DNSReply.Record {
  /// Appends the record to the message that answers a question for the name `asked`.
  fileprivate func append(to message: inout [UInt8], _ asked: DNSName) {
    DNSReply.append(name, to: &message, asked)
    message.append(bigEndian: value.type.rawValue)
    message.append(bigEndian: DNSClass.internet.rawValue)
    message.append(bigEndian: lifetime)
    let start = message.count
    message += [0, 0]
    switch value {
    case .ipv6Address(let address): message += address.bytes
    case .pointer(let target): DNSReply.append(target, to: &message, asked)
    case .startOfAuthority(let seconds):
      // Who serves it, and who minds it: the zone itself. Then number, refresh, retry, expiry and the one that counts.
      DNSReply.append(name, to: &message, asked)
      DNSReply.append(name, to: &message, asked)
      for number in [1, 3_600, 600, 86_400, seconds] as [UInt32] { message.append(bigEndian: number) }
    }
    let count = message.count - start - 2
    (message[start], message[start + 1]) = (UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count))
  }
}

extension DNSReply {
  /// Appends a name: where the question's name ends in it, as a pointer to there.
  fileprivate static func append(_ name: DNSName, to message: inout [UInt8], _ asked: DNSName) {
    guard name != .root, let offset = asked.offset(of: name) else {
      message += name.wire
      return
    }
    message.append(bigEndian: 0xc000 | UInt16(truncatingIfNeeded: DNSHeader.size + offset))
  }
}
