/// What begins every Ethernet frame that a TAP device carries (IEEE 802.3, RFC 2464): no preamble, no check sequence.
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     +---------------------------------------------------------------+
///     |                     destination, 6 bytes                      |
///     +                               +-------------------------------+
///     |                               |                               |
///     +-------------------------------+                               +
///     |                       source, 6 bytes                         |
///     +-------------------------------+-------------------------------+
///     |     type (a length: LLC)      |
///     +-------------------------------+
struct EthernetHeader: Equatable {
  /// The length of the header in bytes.
  static let size = 14

  /// The station that the frame is for, or a group of them.
  var destination: MACAddress
  /// The station that sent it.
  var source: MACAddress
  /// The kind of the payload, one of `EtherType`; up to 1,500 it is the length of the payload in bytes.
  var type: UInt16

  /// Makes a header.
  init(destination: MACAddress, source: MACAddress, type: UInt16) {
    self.destination = destination
    self.source = source
    self.type = type
  }

  /// Reads the header of `frame`; `nil` if it is cut off.
  init?(_ frame: UnsafeRawBufferPointer) {
    guard frame.count >= EthernetHeader.size else { return nil }
    destination = MACAddress(loading: frame, at: 0)
    source = MACAddress(loading: frame, at: 6)
    type = frame.number(at: 12)
  }

  /// Writes the header to the first 14 bytes of `frame`, which must be there.
  func store(into frame: UnsafeMutableRawBufferPointer) {
    destination.store(into: frame, at: 0)
    source.store(into: frame, at: 6)
    frame.store(type, at: 12)
  }
}

/// Assigned numbers of what an Ethernet frame can carry (IANA, IEEE 802 numbers).
enum EtherType {
  static let ipv4: UInt16 = 0x0800
  static let arp: UInt16 = 0x0806
  static let vlan: UInt16 = 0x8100
  static let ipv6: UInt16 = 0x86dd
  static let serviceVLAN: UInt16 = 0x88a8
}
