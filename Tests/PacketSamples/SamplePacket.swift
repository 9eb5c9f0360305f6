import OverlayCore

/// An IPv6 packet for tests, put together field by field, its checksum computed byte by byte.
package struct SamplePacket: Sendable, CustomStringConvertible {
  /// What stands in the checksum field.
  package enum Checksum: Sendable {
    /// The checksum.
    case full
    /// The pseudo-header's sum: the checksum is left to the device.
    case partial
    /// Not the checksum.
    case wrong
  }

  /// What the packet carries.
  package enum Upper: Sendable {
    /// A TCP segment.
    case tcp(TCP)
    /// A UDP datagram between these ports.
    case udp(source: UInt16, destination: UInt16)
    /// Something of this protocol.
    case other(UInt8)
  }

  /// The fields of a TCP header.
  package struct TCP: Sendable {
    package var sourcePort: UInt16 = 40_000
    package var destinationPort: UInt16 = 80
    package var sequence: UInt32 = 1_000_000
    package var acknowledgement: UInt32 = 77
    package var reserved: UInt8 = 0
    package var flags: UInt8 = 0x10
    package var window: UInt16 = 500
    package var urgentPointer: UInt16 = 0
    /// A multiple of four bytes.
    package var options: [UInt8] = TCP.timestamps(7, 9)

    package init() {}

    /// The option that Linux sends with each segment (RFC 7323), padded in front.
    package static func timestamps(_ value: UInt8, _ echo: UInt8) -> [UInt8] {
      [1, 1, 8, 10, 0, 0, 0, value, 0, 0, 0, echo]
    }
  }

  package var trafficClass: UInt8 = 0
  package var flowLabel: UInt32 = 0
  package var hopLimit: UInt8 = 64
  package var source = IPv6Address(high: 0xfd87_d87e_eb43_0000, low: 2)
  package var destination = IPv6Address(high: 0xfd87_d87e_eb43_0000, low: 1)
  /// Extension headers: each one's number, and its bytes from the second on (the first names what follows).
  package var extensions: [(number: UInt8, rest: [UInt8])] = []
  package var upper: Upper
  package var payload: [UInt8]
  package var checksum = Checksum.full

  /// A packet that carries this.
  package init(_ upper: Upper, payload: [UInt8]) {
    self.upper = upper
    self.payload = payload
  }

  /// A TCP segment.
  package static func tcp(_ payload: [UInt8], _ change: (inout TCP) -> Void = { _ in }) -> SamplePacket {
    var tcp = TCP()
    change(&tcp)
    return SamplePacket(.tcp(tcp), payload: payload)
  }

  /// A UDP datagram.
  package static func udp(_ payload: [UInt8]) -> SamplePacket {
    SamplePacket(.udp(source: 5353, destination: 443), payload: payload)
  }

  /// What it is, for the names of test cases: not its bytes.
  package var description: String { "\(upper) with \(payload.count) bytes, checksum \(checksum)" }

  /// Where the upper layer's header begins.
  package var upperStart: Int { 40 + extensions.reduce(0) { $0 + 1 + $1.rest.count } }

  /// The packet.
  package var bytes: [UInt8] {
    var message = upperHeader + payload
    var numbers = extensions.map(\.number) + [protocolNumber]
    let first = numbers.removeFirst()
    let chain = zip(extensions, numbers).flatMap { [$1] + $0.rest }
    let addresses = source.bytes + destination.bytes
    if let field = checksumOffset {
      let pseudoHeader = addresses + big(UInt32(message.count)) + [0, 0, 0, protocolNumber]
      let partial = SamplePacket.sum(pseudoHeader)
      let sum = SamplePacket.sum(pseudoHeader + message)
      let isUDP = protocolNumber == 17
      let full = isUDP && ~sum == 0 ? 0xffff : ~sum
      let value: UInt16 =
        switch checksum {
        case .full: full
        case .partial: partial
        case .wrong: full ^ 0x0100
        }
      message.replaceSubrange(field..<field + 2, with: big(value))
    }
    return big(6 << 28 | UInt32(trafficClass) << 20 | flowLabel) + big(UInt16(chain.count + message.count))
      + [first, hopLimit] + addresses + chain + message
  }

  /// The ones' complement sum of words in network byte order, never 0 unless all bytes are.
  package static func sum(_ bytes: [UInt8]) -> UInt16 {
    var sum = 0
    for (index, byte) in bytes.enumerated() { sum += index % 2 == 0 ? Int(byte) << 8 : Int(byte) }
    while sum > 0xffff { sum = sum >> 16 + sum & 0xffff }
    return UInt16(sum)
  }

  private var protocolNumber: UInt8 {
    switch upper {
    case .tcp: 6
    case .udp: 17
    case .other(let number): number
    }
  }

  private var checksumOffset: Int? {
    switch upper {
    case .tcp: 16
    case .udp: 6
    case .other: nil
    }
  }

  private var upperHeader: [UInt8] {
    switch upper {
    case .tcp(let tcp):
      let ports = big(tcp.sourcePort) + big(tcp.destinationPort)
      let length = UInt8(20 + tcp.options.count) / 4
      return ports + big(tcp.sequence) + big(tcp.acknowledgement) + [length << 4 | tcp.reserved, tcp.flags]
        + big(tcp.window) + [0, 0] + big(tcp.urgentPointer) + tcp.options
    case .udp(let source, let destination):
      return big(source) + big(destination) + big(UInt16(8 + payload.count)) + [0, 0]
    case .other:
      return []
    }
  }

  private func big(_ number: some FixedWidthInteger & UnsignedInteger) -> [UInt8] {
    withUnsafeBytes(of: number.bigEndian) { Array($0) }
  }
}
