/// A record as it stands in a message (RFC 1035 section 4.1.3), where it is in the message, and what it says.
struct DNSRecord {
  /// Whose it is.
  let name: DNSName
  let type: DNSType
  /// The class, which for EDNS is the greatest answer that the asker takes.
  let recordClass: DNSClass
  /// For how many seconds it is valid; for EDNS, other things.
  let lifetime: UInt32
  /// Where in the message its data stands.
  let data: Range<Int>

  /// Reads the record at `offset` of a message, and moves `offset` behind it.
  init(_ message: UnsafeRawBufferPointer, at offset: inout Int) throws(DNSMessageError) {
    name = try DNSName(message, at: &offset)
    guard message.count - offset >= 10 else { throw .cut }
    type = DNSType(rawValue: message.number(at: offset))
    recordClass = DNSClass(rawValue: message.number(at: offset + 2))
    lifetime = UInt32(message.number(at: offset + 4)) << 16 | UInt32(message.number(at: offset + 6))
    let start = offset + 10
    let end = start + Int(message.number(at: offset + 8))
    guard end <= message.count else { throw .cut }
    data = start..<end
    offset = end
  }
}
