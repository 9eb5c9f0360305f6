import OverlayCore

/// A LAN host that asks for an address: it writes and reads messages by itself, so that server and client do not share
/// a mistake.
struct FakeDHCPv6Client {
  /// Types of messages (RFC 8415 section 7.3).
  enum Kind {
    static let solicit: UInt8 = 1
    static let advertise: UInt8 = 2
    static let request: UInt8 = 3
    static let confirm: UInt8 = 4
    static let renew: UInt8 = 5
    static let rebind: UInt8 = 6
    static let reply: UInt8 = 7
    static let release: UInt8 = 8
    static let decline: UInt8 = 9
    static let informationRequest: UInt8 = 11
  }

  /// What the server said.
  struct Answer: Equatable {
    var kind: UInt8
    var transaction: [UInt8]
    var client: [UInt8]?
    var server: [UInt8]?
    var isRapid = false
    var status: UInt16?
    var associations: [Association] = []
    var nameServers: [UInt8]?
    var searchList: [UInt8]?
    /// The first address of the first association.
    var address: IPv6Address? { associations.first?.addresses.first?.address }
  }

  struct Association: Equatable {
    var identifier: UInt32
    var t1: UInt32
    var t2: UInt32
    var status: UInt16?
    var addresses: [Address] = []
  }

  struct Address: Equatable {
    var address: IPv6Address
    var preferred: UInt32
    var valid: UInt32
  }

  static let group = IPv6Address(high: 0xff02 << 48, low: 0x1_0002)

  var macAddress: MACAddress
  var identifier: [UInt8]
  var source: IPv6Address
  var server: [UInt8]?
  var transaction: UInt32 = 0x100

  init(_ number: UInt64) {
    macAddress = MACAddress(value: 0x0200_0000_0000 | number)
    identifier = [0, 4] + (0..<16).map { UInt8(truncatingIfNeeded: number &* 31 &+ $0) }
    source = IPv6Address(high: 0xfe80 << 48, low: number)
  }

  /// An IA_NA option that names these addresses.
  static func association(_ addresses: [IPv6Address] = [], identifier: UInt32 = 5) -> [UInt8] {
    let inner = addresses.flatMap { option(5, $0.bytes + [0, 0, 0, 0, 0, 0, 0, 0]) }
    return option(3, big(identifier) + [0, 0, 0, 0, 0, 0, 0, 0] + inner)
  }

  static func option(_ code: UInt16, _ value: [UInt8]) -> [UInt8] {
    [UInt8(code >> 8), UInt8(code & 0xff), UInt8(value.count >> 8), UInt8(value.count & 0xff)] + value
  }

  /// A whole packet of this message, with the client's identifier, and the server's where the kind has one.
  func packet(_ kind: UInt8, _ options: [UInt8], to destination: IPv6Address = group) -> [UInt8] {
    var message = [kind] + FakeDHCPv6Client.big(transaction)[1...]
    message += FakeDHCPv6Client.option(1, identifier)
    let isForOne = [Kind.request, Kind.renew, Kind.release, Kind.decline].contains(kind)
    if isForOne, let server { message += FakeDHCPv6Client.option(2, server) }
    message += FakeDHCPv6Client.option(8, [0, 0])
    return datagram(message + options, to: destination)
  }

  /// A whole packet of these bytes, from port 546 to port 547, its checksum made byte by byte.
  func datagram(
    _ payload: [UInt8], to destination: IPv6Address = group, port: UInt16 = 547, checksum: UInt16? = nil
  ) -> [UInt8] {
    let length = 8 + payload.count
    var body: [UInt8] = [2, 0x22, UInt8(port >> 8), UInt8(port & 0xff), UInt8(length >> 8), UInt8(length & 0xff), 0, 0]
    body += payload
    let sum =
      checksum ?? NaiveChecksum.field(source: source, destination: destination, nextHeader: 17, body)
    (body[6], body[7]) = (UInt8(sum >> 8), UInt8(sum & 0xff))
    return Sample.packet(from: source, to: destination, nextHeader: 17, payload: body)
  }

  /// The answer in a packet for this client; `nil` if it is none, or any field is not as it must be.
  func read(_ packet: [UInt8], from server: IPv6Address) -> Answer? {
    guard packet.count >= 52, Array(packet[8..<24]) == server.bytes, Array(packet[24..<40]) == source.bytes,
      packet[6] == 17, Array(packet[40..<44]) == [2, 0x23, 2, 0x22],
      Int(packet[44]) << 8 | Int(packet[45]) == packet.count - 40,
      Int(packet[4]) << 8 | Int(packet[5]) == packet.count - 40,
      NaiveChecksum.field(source: server, destination: source, nextHeader: 17, Array(packet[40...])) == 0
    else { return nil }
    var answer = Answer(kind: packet[48], transaction: Array(packet[49..<52]))
    guard answer.transaction == Array(FakeDHCPv6Client.big(transaction)[1...]) else { return nil }
    for (code, value) in FakeDHCPv6Client.options(packet[52...]) {
      switch code {
      case 1: answer.client = value
      case 2: answer.server = value
      case 3: answer.associations.append(FakeDHCPv6Client.association(value))
      case 13: answer.status = UInt16(value[0]) << 8 | UInt16(value[1])
      case 14: answer.isRapid = true
      case 23: answer.nameServers = value
      case 24: answer.searchList = value
      default: return nil
      }
    }
    return answer
  }

  private static func association(_ value: [UInt8]) -> Association {
    var association = Association(identifier: number(value[0..<4]), t1: number(value[4..<8]), t2: number(value[8..<12]))
    for (code, inner) in options(value[12...]) {
      switch code {
      case 5:
        association.addresses.append(
          Address(
            address: IPv6Address(bytes: inner[..<16]) ?? .unspecified, preferred: number(inner[16..<20]),
            valid: number(inner[20..<24])))
      case 13: association.status = UInt16(inner[0]) << 8 | UInt16(inner[1])
      default: break
      }
    }
    return association
  }

  private static func options(_ bytes: ArraySlice<UInt8>) -> [(UInt16, [UInt8])] {
    var rest = bytes
    var found: [(UInt16, [UInt8])] = []
    while rest.count >= 4 {
      let head = Array(rest.prefix(4))
      let length = Int(head[2]) << 8 | Int(head[3])
      found.append((UInt16(head[0]) << 8 | UInt16(head[1]), Array(rest.dropFirst(4).prefix(length))))
      rest = rest.dropFirst(4 + length)
    }
    return found
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }

  private static func big(_ number: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> UInt32($0)) }
  }
}
