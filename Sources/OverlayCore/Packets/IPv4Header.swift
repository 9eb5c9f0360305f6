/// The header that begins every IPv4 packet (RFC 791 section 3.1).
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     +-------+-------+---------------+-------------------------------+
///     |   4   | words |type of service|         total length          |
///     +-------+-------+---------------+-----+-------------------------+
///     |        identification         |0 D M| fragment offset, words  |
///     +---------------+---------------+-----+-------------------------+
///     | time to live  |   protocol    |        header checksum        |
///     +---------------+---------------+-------------------------------+
///     |                            source                             |
///     +---------------------------------------------------------------+
///     |                          destination                          |
///     +---------------------------------------------------------------+
///     |               options, up to 40 bytes, then padding           |
///     +---------------------------------------------------------------+
struct IPv4Header: Equatable, Sendable {
  /// The length of a header without options, in bytes.
  static let size = 20
  /// The smallest MTU of an IPv4 link, in bytes (RFC 791 section 3.2). The MTU of an egress is never taken to be
  /// smaller.
  static let smallestMTU = 68

  /// The length of the header with options, in bytes: 20 to 60.
  let headerSize: Int
  /// The assigned number of the protocol that the packet carries.
  let protocolNumber: UInt8
  /// Who sent the packet.
  let source: IPv4Address
  /// Whom it is for.
  let destination: IPv4Address
  /// Whether it must not be fragmented.
  let mayNotBeFragmented: Bool
  /// Whether further fragments follow it.
  let hasMoreFragments: Bool
  /// The offset of its payload in that of the whole packet, in bytes.
  let fragmentOffset: Int

  /// Reads the header of `packet`. It is `nil` unless the version is 4, the total length is that of `packet`, the
  /// header lies within it, and the checksum is right.
  init?(_ packet: UnsafeRawBufferPointer) {
    guard packet.count >= IPv4Header.size, packet[0] >> 4 == 4 else { return nil }
    let headerSize = Int(packet[0] & 0xf) * 4
    guard headerSize >= IPv4Header.size, headerSize <= packet.count,
      Int(packet.number(at: Field.totalLength)) == packet.count
    else { return nil }
    var sum = InternetChecksum()
    sum.add(UnsafeRawBufferPointer(rebasing: packet[..<headerSize]))
    guard sum.field == 0 else { return nil }
    self.init(valid: packet)
  }

  /// Reads the header of a packet that was parsed; `nil` if it is of version 6.
  init?(_ packet: PacketView) {
    guard packet.isIPv4 else { return nil }
    self.init(valid: packet.bytes)
  }

  private init(valid packet: UnsafeRawBufferPointer) {
    headerSize = Int(packet[0] & 0xf) * 4
    let fragment = packet.number(at: Field.fragment)
    mayNotBeFragmented = fragment & Field.mayNotBeFragmented != 0
    hasMoreFragments = fragment & Field.hasMoreFragments != 0
    fragmentOffset = Int(fragment & Field.fragmentOffset) * 8
    protocolNumber = packet[Field.protocolNumber]
    source = IPv4Header.source(in: packet)
    destination = IPv4Header.destination(in: packet)
  }

  /// The offsets of fields in bytes from the header's start, and the bits of fields that hold several.
  enum Field {
    static let typeOfService = 1
    static let totalLength = 2
    static let identification = 4
    static let fragment = 6
    static let timeToLive = 8
    static let protocolNumber = 9
    static let checksum = 10
    static let source = 12
    static let destination = 16
    /// The two bits of ECN in the type of service; the others are the code point (RFC 2474 section 3).
    static let congestion: UInt8 = 0x03
    static let mayNotBeFragmented: UInt16 = 0x4000
    static let hasMoreFragments: UInt16 = 0x2000
    static let fragmentOffset: UInt16 = 0x1fff
  }

  /// Returns the source in the header that `packet` begins with. The 20 bytes must be there, and nothing else about
  /// them is checked: the packet may be cut off behind them.
  static func source(in packet: UnsafeRawBufferPointer) -> IPv4Address {
    IPv4Address(loading: packet, at: Field.source)
  }

  /// Returns the destination in the header that `packet` begins with. The 20 bytes must be there, as above.
  static func destination(in packet: UnsafeRawBufferPointer) -> IPv4Address {
    IPv4Address(loading: packet, at: Field.destination)
  }

  /// Writes the checksum into the header that `header` holds, with options.
  static func complete(_ header: UnsafeMutableRawBufferPointer) {
    header.storeBytes(of: 0, toByteOffset: Field.checksum, as: UInt16.self)
    var sum = InternetChecksum()
    sum.add(UnsafeRawBufferPointer(header))
    header.storeBytes(of: sum.field, toByteOffset: Field.checksum, as: UInt16.self)
  }
}
