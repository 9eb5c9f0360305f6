import Testing

@testable import OverlayCore

/// Messages of DNS to test with, put together by hand.
enum SampleMessage {
  /// A question with these flags, counts and additional bytes.
  static func question(
    _ name: String, _ type: UInt16 = 28, recordClass: UInt16 = 1, flags: UInt16 = 0x0100,
    counts: (UInt16, UInt16, UInt16, UInt16) = (1, 0, 0, 0), and rest: [UInt8] = []
  ) throws -> [UInt8] {
    var bytes: [UInt8] = []
    for number in [0xabcd, flags, counts.0, counts.1, counts.2, counts.3] { bytes.append(bigEndian: number) }
    bytes += try #require(DNSName(name)).wire
    bytes.append(bigEndian: type)
    bytes.append(bigEndian: recordClass)
    return bytes + rest
  }

  /// The record of EDNS, from whom takes so many bytes.
  static func extensions(_ greatest: UInt16, version: UInt8 = 0, data: [UInt8] = []) -> [UInt8] {
    [0, 0, 41, UInt8(greatest >> 8), UInt8(greatest & 0xff), 0, version, 0x80, 0, 0, UInt8(data.count)] + data
  }
}

/// An answer as a test reads it: its header, and its records as text.
struct ReadAnswer: Equatable {
  var code: UInt16
  var isAuthoritative: Bool
  var isTruncated: Bool
  var answers: [String] = []
  var authority: [String] = []
  var extensions: [String] = []

  init(code: UInt16, isAuthoritative: Bool = false, isTruncated: Bool = false) {
    (self.code, self.isAuthoritative, self.isTruncated) = (code, isAuthoritative, isTruncated)
  }

  /// Reads an answer to the end: it is an answer to `question`, and nothing is behind its last record.
  init(_ answer: [UInt8]?, to question: [UInt8]) throws {
    let message = try #require(answer)
    let header = try #require(message.withUnsafeBytes { DNSHeader($0) })
    #expect(header.isResponse && message.prefix(2) == question.prefix(2))
    self.init(code: header.code.rawValue, isAuthoritative: header.isAuthoritative, isTruncated: header.isTruncated)
    var (answers, authority, extensions): ([String], [String], [String]) = ([], [], [])
    try message.withUnsafeBytes { bytes in
      var offset = DNSHeader.size
      for _ in 0..<header.questions {
        _ = try DNSQuestion(bytes, at: &offset)
        #expect(bytes[12..<offset].elementsEqual(question[12..<offset]), "the question came back as another")
      }
      for _ in 0..<header.answers { answers.append(try ReadAnswer.text(DNSRecord(bytes, at: &offset), in: bytes)) }
      for _ in 0..<header.authority { authority.append(try ReadAnswer.text(DNSRecord(bytes, at: &offset), in: bytes)) }
      for _ in 0..<header.additional {
        extensions.append(try ReadAnswer.text(DNSRecord(bytes, at: &offset), in: bytes))
      }
      #expect(offset == bytes.count)
    }
    (self.answers, self.authority, self.extensions) = (answers, authority, extensions)
  }

  private static func text(_ record: DNSRecord, in message: UnsafeRawBufferPointer) throws -> String {
    let name = record.name.dotted
    var place = record.data.lowerBound
    switch record.type {
    case .pointer:
      let target = try DNSName(message, at: &place)
      #expect(place == record.data.upperBound)
      return "\(name) \(record.lifetime) PTR \(target.dotted)"
    case .ipv6Address:
      #expect(record.data.count == 16)
      return "\(name) \(record.lifetime) AAAA \(IPv6Address(loading: message, at: place))"
    case .startOfAuthority:
      _ = try (DNSName(message, at: &place), DNSName(message, at: &place))
      #expect(record.data.upperBound - place == 20)
      return "\(name) \(record.lifetime) SOA \(message.number(at: record.data.upperBound - 2))"
    case .extensions: return "\(name) \(record.recordClass.rawValue) OPT \(record.lifetime >> 16)"
    default: return "\(name) type \(record.type.rawValue)"
    }
  }
}

extension DNSName {
  /// The name with dots, in the case in which it is.
  var dotted: String { labels.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".") }
}
