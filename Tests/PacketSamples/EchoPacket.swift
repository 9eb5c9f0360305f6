import OverlayCore

/// An ICMPv6 echo request or reply (RFC 4443 section 4) in its IPv6 packet.
package struct EchoPacket: Equatable {
  package enum Kind: UInt8 {
    case request = 128
    case reply = 129
  }

  package var kind: Kind
  package var source: IPv6Address
  package var destination: IPv6Address
  package var payload: [UInt8]

  package init(_ kind: Kind, from source: IPv6Address, to destination: IPv6Address, payload: [UInt8]) {
    self.kind = kind
    self.source = source
    self.destination = destination
    self.payload = payload
  }

  /// Reads a packet; `nil` for any other than an echo.
  package init?(_ bytes: [UInt8]) {
    guard bytes.count >= 48, bytes[6] == 58, let kind = Kind(rawValue: bytes[40]),
      let source = IPv6Address(bytes: bytes[8..<24]), let destination = IPv6Address(bytes: bytes[24..<40])
    else { return nil }
    self.init(kind, from: source, to: destination, payload: Array(bytes[48...]))
  }

  /// The packet as it goes over the wire.
  package var bytes: [UInt8] {
    let addresses = source.bytes + destination.bytes
    var message = [kind.rawValue, 0, 0, 0, 0x4f, 0x43, 0, 1] + payload
    let pseudoHeader = addresses + [0, 0, UInt8(message.count >> 8), UInt8(message.count & 0xff), 0, 0, 0, 58]
    let checksum = EchoPacket.checksum(pseudoHeader + message)
    message[2] = UInt8(checksum >> 8)
    message[3] = UInt8(checksum & 0xff)
    return [0x60, 0, 0, 0, UInt8(message.count >> 8), UInt8(message.count & 0xff), 58, 64] + addresses + message
  }

  private static func checksum(_ bytes: [UInt8]) -> UInt16 {
    var sum = 0
    for (index, byte) in bytes.enumerated() { sum += index % 2 == 0 ? Int(byte) << 8 : Int(byte) }
    while sum > 0xffff { sum = sum >> 16 + sum & 0xffff }
    return ~UInt16(sum)
  }
}

extension IPv6Address {
  /// An address of the overlay with this last group.
  package static func overlay(_ last: UInt64) -> IPv6Address {
    IPv6Address(high: OverlayNetwork.tor.prefix.address.high, low: last)
  }
}
