@testable import OverlayCore

/// A UDP datagram in its IPv6 packet whose content follows from its number, so that one that arrives damaged, cut or
/// joined with another is found out.
struct NumberedDatagram: Equatable {
  let source: IPv6Address
  let destination: IPv6Address
  let sourcePort: UInt16
  let destinationPort: UInt16
  let number: UInt64

  /// What a datagram of this number holds: some are short, some fill a packet.
  static func content(_ number: UInt64) -> [UInt8] {
    let head = (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * UInt64($0))) }
    return head + (0..<(number &* 61 % 1200)).map { UInt8(truncatingIfNeeded: number &* 31 &+ $0) }
  }

  /// The number of a datagram with this content; `nil` if it is that of none.
  static func number(of content: some Collection<UInt8>) -> UInt64? {
    guard content.count >= 8 else { return nil }
    let number = content.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return content.elementsEqual(self.content(number)) ? number : nil
  }

  /// The packet.
  var bytes: [UInt8] {
    let content = NumberedDatagram.content(number)
    let length = 8 + content.count
    var datagram = [
      UInt8(sourcePort >> 8), UInt8(sourcePort & 0xff), UInt8(destinationPort >> 8), UInt8(destinationPort & 0xff),
      UInt8(length >> 8), UInt8(length & 0xff), 0, 0,
    ]
    datagram += content
    let pseudoHeader = source.bytes + destination.bytes + [0, 0, UInt8(length >> 8), UInt8(length & 0xff), 0, 0, 0, 17]
    var sum = 0
    for (index, byte) in (pseudoHeader + datagram).enumerated() { sum += index % 2 == 0 ? Int(byte) << 8 : Int(byte) }
    while sum > 0xffff { sum = sum >> 16 + sum & 0xffff }
    let checksum = UInt16(sum) == 0xffff ? 0xffff : ~UInt16(sum)
    (datagram[6], datagram[7]) = (UInt8(checksum >> 8), UInt8(checksum & 0xff))
    let header = [0x60, 0, 0, 0, UInt8(length >> 8), UInt8(length & 0xff), 17, 64]
    return header + source.bytes + destination.bytes + datagram
  }
}

/// The packets of a circuit, which bytes come in pieces of.
struct CircuitReader {
  private var rest: [UInt8] = []
  /// What whoever dialled the circuit has challenged the peer with last.
  private(set) var challenge: [UInt8]?
  /// What was wrong with the bytes.
  private(set) var complaint: String?
  private var last: UInt64 = 0

  /// Takes bytes; the numbered datagrams, whole and in order, that they end.
  mutating func take(_ bytes: some Collection<UInt8>) -> [NumberedDatagram] {
    rest += bytes
    var datagrams: [NumberedDatagram] = []
    while complaint == nil, rest.count >= 40 {
      guard rest[0] >> 4 == 6 else {
        complaint = "what is no packet of IPv6 came: the stream is out of step"
        break
      }
      let length = 40 + Int(rest[4]) << 8 + Int(rest[5])
      guard rest.count >= length else { break }
      // Daemons ask each other for names at another port.
      let isNumbered = rest[6] == 17 && length >= 48 && UInt16(rest[42]) << 8 | UInt16(rest[43]) == PlayedTor.echoPort
      if isNumbered, let datagram = read(rest[..<length]) { datagrams.append(datagram) }
      if rest[6] == 59 { readKeepalive(Array(rest[..<length])) }
      rest.removeFirst(length)
    }
    return datagrams
  }

  private mutating func readKeepalive(_ packet: [UInt8]) {
    let keepalive = packet.withUnsafeBytes { bytes in PacketView(reading: bytes).flatMap { try? Keepalive($0) } }
    if let token = keepalive?.value(of: Keepalive.Extension.challenge) { challenge = token }
  }

  private mutating func read(_ packet: ArraySlice<UInt8>) -> NumberedDatagram? {
    guard packet.count >= 48, let source = IPv6Address(bytes: packet[8..<24]),
      let destination = IPv6Address(bytes: packet[24..<40]), let number = NumberedDatagram.number(of: packet[48...])
    else {
      complaint = "a packet came that nobody has sent"
      return nil
    }
    if number <= last { complaint = "packet \(number) came behind packet \(last)" }
    last = number
    let datagram = NumberedDatagram(
      source: source, destination: destination, sourcePort: UInt16(packet[40]) << 8 | UInt16(packet[41]),
      destinationPort: UInt16(packet[42]) << 8 | UInt16(packet[43]), number: number)
    if datagram.bytes[46...] != packet[46...] { complaint = "packet \(number) came with a wrong checksum" }
    return datagram
  }
}
