/// A question that a server was sent, and how it is to be answered.
struct DNSQuery: Equatable, Sendable {
  /// The greatest answer over UDP to who does not say otherwise (RFC 1035 section 4.2.1).
  static let smallestAnswer = 512
  /// The greatest answer over UDP that we send: it fits into any packet of IPv6.
  static let greatestAnswer = 1_232

  /// What EDNS adds to a question (RFC 6891 section 6.1).
  struct Extensions: Equatable, Sendable {
    /// The greatest answer over UDP that the asker takes, in bytes.
    let greatestAnswer: UInt16
    /// The version, of which only 0 is known.
    let version: UInt8
  }

  /// The header of the question's message.
  let header: DNSHeader
  /// The one question.
  let question: DNSQuestion
  /// What EDNS adds; `nil` if it is not used.
  let extensions: Extensions?

  /// What a server makes of a message.
  enum Reading: Equatable, Sendable {
    /// It is a question.
    case query(DNSQuery)
    /// It is none, and its sender is told so: with its header alone, as nothing more is known to be right.
    case refused(DNSHeader, DNSCode)
    /// It is not answered: it is an answer itself, and two servers would answer each other for ever, or has no header.
    case ignored
  }

  /// Reads the message that a server was sent.
  static func read(_ message: UnsafeRawBufferPointer) -> Reading {
    guard let header = DNSHeader(message), !header.isResponse else { return .ignored }
    guard header.isQuery else { return .refused(header, .notImplemented) }
    do throws(DNSMessageError) {
      return .query(try DNSQuery(message, header))
    } catch {
      return .refused(header, .formatError)
    }
  }

  private init(_ message: UnsafeRawBufferPointer, _ header: DNSHeader) throws(DNSMessageError) {
    guard header.questions == 1, header.answers == 0, header.authority == 0 else { throw .counts }
    var offset = DNSHeader.size
    self.header = header
    question = try DNSQuestion(message, at: &offset)
    var extensions: Extensions?
    // Each record takes eleven bytes at least, so that the message bounds their number.
    for _ in 0..<header.additional {
      let record = try DNSRecord(message, at: &offset)
      guard record.type == .extensions else { continue }
      guard extensions == nil, record.name == .root else { throw .extensions }
      extensions = Extensions(
        greatestAnswer: record.recordClass.rawValue, version: UInt8(truncatingIfNeeded: record.lifetime >> 16))
    }
    self.extensions = extensions
  }

  /// The greatest answer over UDP, in bytes.
  var greatestAnswer: Int {
    min(max(Int(extensions?.greatestAnswer ?? 0), DNSQuery.smallestAnswer), DNSQuery.greatestAnswer)
  }
}
