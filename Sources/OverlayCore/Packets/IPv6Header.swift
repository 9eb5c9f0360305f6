/// The fixed header that begins every IPv6 packet (RFC 8200 section 3).
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     +-------+---------------+---------------------------------------+
///     |   6   | traffic class |              flow label               |
///     +-------+---------------+-------+---------------+---------------+
///     |        payload length         |  next header  |   hop limit   |
///     +-------------------------------+---------------+---------------+
///     |                       source, 16 bytes                        |
///     +---------------------------------------------------------------+
///     |                     destination, 16 bytes                     |
///     +---------------------------------------------------------------+
public struct IPv6Header: Equatable, Sendable {
  /// The length of the header in bytes.
  static let size = 40
  /// The length of the longest packet, with its header, in bytes: the payload length has 16 bits.
  public static let largestPacket = size + 65_535

  /// 20 bits that tell one flow of a sender from another.
  var flowLabel: UInt32
  /// The number of bytes behind the header.
  var payloadLength: UInt16
  /// The assigned number of what follows the header.
  var nextHeader: UInt8
  /// The number of routers that may still forward the packet.
  var hopLimit: UInt8
  /// Who sent the packet.
  var source: IPv6Address
  /// Whom it is for.
  var destination: IPv6Address

  /// Makes a header. Only the low 20 bits of `flowLabel` count.
  init(
    flowLabel: UInt32 = 0, payloadLength: UInt16, nextHeader: UInt8, hopLimit: UInt8, source: IPv6Address,
    destination: IPv6Address
  ) {
    self.flowLabel = flowLabel & 0xfffff
    self.payloadLength = payloadLength
    self.nextHeader = nextHeader
    self.hopLimit = hopLimit
    self.source = source
    self.destination = destination
  }

  /// Reads the header of `packet`. It is `nil` unless the version is 6 and the payload length is that of `packet`.
  @inline(__always)
  init?(_ packet: UnsafeRawBufferPointer) {
    guard packet.count >= IPv6Header.size, packet[0] >> 4 == 6 else { return nil }
    payloadLength = packet.number(at: Field.payloadLength)
    guard Int(payloadLength) == packet.count - IPv6Header.size else { return nil }
    flowLabel = UInt32(bigEndian: packet.loadUnaligned(as: UInt32.self)) & 0xfffff
    nextHeader = packet[Field.nextHeader]
    hopLimit = packet[Field.hopLimit]
    source = IPv6Header.source(in: packet)
    destination = IPv6Header.destination(in: packet)
  }

  /// Writes the header, traffic class 0, to the first 40 bytes of `packet`, which must be there.
  func store(into packet: UnsafeMutableRawBufferPointer) {
    packet.storeBytes(of: (6 << 28 | flowLabel).bigEndian, as: UInt32.self)
    packet.store(payloadLength, at: Field.payloadLength)
    packet[Field.nextHeader] = nextHeader
    packet[Field.hopLimit] = hopLimit
    source.store(into: packet, at: Field.source)
    destination.store(into: packet, at: Field.destination)
  }

  /// The offsets of fields in bytes from the packet's start.
  enum Field {
    static let payloadLength = 4
    static let nextHeader = 6
    static let hopLimit = 7
    static let source = 8
    static let destination = 24
    /// The bits of the first word that are neither the flow label nor the code point (RFC 2474 section 3): the version,
    /// and the two of ECN.
    static let versionAndCongestion: UInt32 = 0xf030_0000
  }

  /// Returns the source in the header that `packet` begins with. The 40 bytes must be there, and nothing else about
  /// them is checked: the packet may be cut off behind them.
  static func source(in packet: UnsafeRawBufferPointer) -> IPv6Address {
    IPv6Address(loading: packet, at: Field.source)
  }

  /// Returns the destination in the header that `packet` begins with. The 40 bytes must be there, as above.
  static func destination(in packet: UnsafeRawBufferPointer) -> IPv6Address {
    IPv6Address(loading: packet, at: Field.destination)
  }
}

/// Assigned numbers of what can follow an IPv6 header.
enum NextHeader {
  static let hopByHopOptions: UInt8 = 0
  static let tcp: UInt8 = 6
  static let udp: UInt8 = 17
  static let routing: UInt8 = 43
  static let fragment: UInt8 = 44
  static let authentication: UInt8 = 51
  static let icmp: UInt8 = 58
  static let none: UInt8 = 59
  static let destinationOptions: UInt8 = 60
  static let mobility: UInt8 = 135
  static let hostIdentity: UInt8 = 139
  static let shim6: UInt8 = 140
  static let experiment: UInt8 = 253
  static let otherExperiment: UInt8 = 254
}
