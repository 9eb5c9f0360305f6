/// One option of a DHCPv6 message (RFC 8415 section 21), read as far as the server has use for it.
///
///     +-------------------------------+-------------------------------+
///     |             code              |     length of what follows    |
///     +-------------------------------+-------------------------------+
///     |  value ...                                                    |
///     +---------------------------------------------------------------+
enum DHCPv6Option: Equatable {
  /// Who the client is.
  case clientIdentifier(DUID)
  /// Which server is meant, or answers.
  case serverIdentifier(DUID)
  /// Addresses that a client has or wants.
  case association(DHCPv6Association)
  /// One address of them.
  case address(DHCPv6Address)
  /// How it went.
  case status(DHCPv6Status)
  /// The client takes addresses without a second exchange, or the server has given them so.
  case rapidCommit
  /// Which name servers there are (RFC 3646 section 3): their addresses, one behind the other.
  case nameServers([IPv6Address])
  /// The zones in which a host looks for a name without dots (RFC 3646 section 4): uncompressed, as RFC 1035 section
  /// 3.1 writes them, one behind the other.
  case searchList([DNSName])
  /// Anything else, by its code.
  case other(UInt16)

  private enum Code {
    static let clientIdentifier: UInt16 = 1
    static let serverIdentifier: UInt16 = 2
    static let association: UInt16 = 3
    static let address: UInt16 = 5
    static let status: UInt16 = 13
    static let rapidCommit: UInt16 = 14
    static let nameServers: UInt16 = 23
    static let searchList: UInt16 = 24
  }

  /// Takes the next option; throws if it is cut off, or its value is none of its kind. An association within another is
  /// not looked into: a message could nest them deeper than the stack.
  init(_ cursor: inout ByteCursor, isWithinAssociation: Bool = false) throws(DHCPv6MessageError) {
    guard let code = cursor.number16(), let length = cursor.number16(), var value = cursor.part(Int(length)) else {
      throw .cutOff
    }
    switch code {
    case Code.clientIdentifier: self = .clientIdentifier(try DHCPv6Option.identifier(&value))
    case Code.serverIdentifier: self = .serverIdentifier(try DHCPv6Option.identifier(&value))
    case Code.association where !isWithinAssociation: self = .association(try DHCPv6Association(&value))
    case Code.address: self = .address(try DHCPv6Address(&value))
    case Code.status:
      guard let number = value.number16() else { throw .option(code) }
      self = .status(DHCPv6Status(number: number))
    case Code.rapidCommit:
      guard value.count == 0 else { throw .option(code) }
      self = .rapidCommit
    default: self = .other(code)
    }
  }

  /// The option as it stands in a message. Of one that is not known there is nothing to write.
  var bytes: [UInt8] {
    switch self {
    case .clientIdentifier(let identifier): DHCPv6Option.bytes(Code.clientIdentifier, identifier.bytes)
    case .serverIdentifier(let identifier): DHCPv6Option.bytes(Code.serverIdentifier, identifier.bytes)
    case .association(let association): DHCPv6Option.bytes(Code.association, association.bytes)
    case .address(let address): DHCPv6Option.bytes(Code.address, address.bytes)
    case .status(let status):
      DHCPv6Option.bytes(Code.status, [UInt8(status.number >> 8), UInt8(status.number & 0xff)])
    case .rapidCommit: DHCPv6Option.bytes(Code.rapidCommit, [])
    case .nameServers(let addresses): DHCPv6Option.bytes(Code.nameServers, addresses.flatMap(\.bytes))
    case .searchList(let zones): DHCPv6Option.bytes(Code.searchList, zones.flatMap(\.wire))
    case .other: []
    }
  }

  private static func bytes(_ code: UInt16, _ value: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(bigEndian: code)
    bytes.append(bigEndian: UInt16(truncatingIfNeeded: value.count))
    return bytes + value
  }

  private static func identifier(_ value: inout ByteCursor) throws(DHCPv6MessageError) -> DUID {
    guard let identifier = DUID(bytes: value.remainder()) else { throw .identifier }
    return identifier
  }
}

/// How a request went (RFC 8415 section 21.13): the codes that a server of addresses gives.
enum DHCPv6Status: Equatable {
  /// All is well.
  case success
  /// Every address is taken.
  case noAddressesAvailable
  /// The server knows nothing of such an association.
  case noBinding
  /// The address does not belong to this link.
  case notOnLink
  /// The client is to ask by multicast.
  case useMulticast
  /// Any other, which is a client's to say or nobody's.
  case other(UInt16)

  /// The status of this number.
  init(number: UInt16) {
    switch number {
    case 0: self = .success
    case 2: self = .noAddressesAvailable
    case 3: self = .noBinding
    case 4: self = .notOnLink
    case 5: self = .useMulticast
    default: self = .other(number)
    }
  }

  /// The number that stands in a message.
  var number: UInt16 {
    switch self {
    case .success: 0
    case .noAddressesAvailable: 2
    case .noBinding: 3
    case .notOnLink: 4
    case .useMulticast: 5
    case .other(let number): number
    }
  }
}
