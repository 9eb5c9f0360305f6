/// The offsets of fields in a TCP header (RFC 9293 section 3.1), in bytes from its start.
enum TCPHeader {
  /// The length of a header without options.
  static let size = 20
  static let sequence = 4
  static let acknowledgement = 8
  /// The header's length in words of 32 bits, in the high four bits; reserved bits below.
  static let dataOffset = 12
  static let flags = 13
  static let window = 14
  static let checksum = 16
  static let urgentPointer = 18

  /// Flags of the byte at `flags`.
  enum Flag {
    static let fin: UInt8 = 0x01
    static let synchronise: UInt8 = 0x02
    static let reset: UInt8 = 0x04
    static let push: UInt8 = 0x08
    static let acknowledgement: UInt8 = 0x10
    static let congestionEcho: UInt8 = 0x40
    static let congestionWindowReduced: UInt8 = 0x80
  }
}

/// The offsets of fields in a UDP header (RFC 768), in bytes from its start.
enum UDPHeader {
  static let size = 8
  static let length = 4
  static let checksum = 6
}
