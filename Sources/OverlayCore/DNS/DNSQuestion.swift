/// What is asked for: records of one type and name.
struct DNSQuestion: Equatable, Sendable {
  /// The name, in the case in which it was asked for.
  let name: DNSName
  /// The type of the records.
  let type: DNSType
  /// The class, which is that of the Internet.
  let recordClass: DNSClass

  /// A question for records of the Internet.
  init(_ name: DNSName, _ type: DNSType, _ recordClass: DNSClass = .internet) {
    (self.name, self.type, self.recordClass) = (name, type, recordClass)
  }

  /// Reads the question at `offset` of a message, and moves `offset` behind it.
  init(_ message: UnsafeRawBufferPointer, at offset: inout Int) throws(DNSMessageError) {
    name = try DNSName(message, at: &offset)
    guard message.count - offset >= 4 else { throw .cut }
    type = DNSType(rawValue: message.number(at: offset))
    recordClass = DNSClass(rawValue: message.number(at: offset + 2))
    offset += 4
  }

  /// The question as it stands in a message.
  var bytes: [UInt8] {
    var bytes = name.wire
    bytes.append(bigEndian: type.rawValue)
    bytes.append(bigEndian: recordClass.rawValue)
    return bytes
  }
}

/// The type of a record, or of the records that are asked for. Any number has a value.
struct DNSType: RawRepresentable, Hashable, Sendable {
  let rawValue: UInt16

  static let ipv4Address = DNSType(rawValue: 1)
  static let nameServer = DNSType(rawValue: 2)
  static let startOfAuthority = DNSType(rawValue: 6)
  static let pointer = DNSType(rawValue: 12)
  static let ipv6Address = DNSType(rawValue: 28)
  /// The record of EDNS (RFC 6891).
  static let extensions = DNSType(rawValue: 41)
  /// The changes of a zone, which are asked for.
  static let incrementalTransfer = DNSType(rawValue: 251)
  /// A whole zone, which is asked for.
  static let transfer = DNSType(rawValue: 252)
  /// Any record, which is asked for.
  static let any = DNSType(rawValue: 255)
}

/// The class of a record. Any number has a value.
struct DNSClass: RawRepresentable, Hashable, Sendable {
  let rawValue: UInt16

  static let internet = DNSClass(rawValue: 1)
}
