/// Why bytes are no message for a DHCPv6 server.
enum DHCPv6MessageError: Error, Equatable {
  /// The message, or something within, ends too early.
  case cutOff
  /// A message of this type is for others: a relay agent's, a server's, an unknown one.
  case type(UInt8)
  /// The value of the option of this code is none.
  case option(UInt16)
  /// A client's or server's identifier is too short or too long.
  case identifier
  /// An option that stands once in a message stands there twice.
  case repeated
  /// More associations or addresses than the server deals with.
  case excess
}

/// A message between a DHCPv6 client and a server (RFC 8415 section 8).
///
///     +---------------+-----------------------------------------------+
///     |     type      |            transaction identifier             |
///     +---------------+-----------------------------------------------+
///     |  options ...                                                  |
///     +---------------------------------------------------------------+
struct DHCPv6Message: Equatable {
  /// What a message says; relay agents' messages have another form and are none of these.
  enum Kind: UInt8 {
    case solicit = 1
    case advertise = 2
    case request = 3
    case confirm = 4
    case renew = 5
    case rebind = 6
    case reply = 7
    case release = 8
    case decline = 9
    case informationRequest = 11
  }

  /// What it says.
  var kind: Kind
  /// 24 bits by which a client knows the answer.
  var transaction: UInt32
  /// Who the client is.
  var client: DUID?
  /// Which server is meant, or answers.
  var server: DUID?
  /// What it says of addresses, at most `mostAssociations`.
  var associations: [DHCPv6Association] = []
  /// How it went, as a whole.
  var status: DHCPv6Status?
  /// Whether addresses are given without a second exchange.
  var isRapid = false

  /// The zone of the names that the local responder answers for, which a server tells; what clients say of it is not
  /// read.
  var zone: DNSName?

  /// How many associations one may hold; clients have one an interface.
  static let mostAssociations = 4

  /// A message without options.
  init(_ kind: Kind, transaction: UInt32) {
    self.kind = kind
    self.transaction = transaction & 0xff_ffff
  }

  /// The message that `bytes` are, to the last of them. Options that are not known are passed over.
  init(_ bytes: UnsafeRawBufferPointer) throws(DHCPv6MessageError) {
    var cursor = ByteCursor(bytes)
    guard let type = cursor.byte() else { throw .cutOff }
    guard let kind = Kind(rawValue: type) else { throw .type(type) }
    guard let transaction = cursor.number24() else { throw .cutOff }
    self.init(kind, transaction: transaction)
    while cursor.count > 0 {
      switch try DHCPv6Option(&cursor) {
      case .clientIdentifier(let identifier): try DHCPv6Message.set(&client, identifier)
      case .serverIdentifier(let identifier): try DHCPv6Message.set(&server, identifier)
      case .association(let association):
        guard associations.count < DHCPv6Message.mostAssociations else { throw .excess }
        associations.append(association)
      case .status(let status): try DHCPv6Message.set(&self.status, status)
      case .rapidCommit: isRapid = true
      case .address, .nameServers, .searchList, .other: break
      }
    }
  }

  /// The message as UDP carries it.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(bigEndian: UInt32(kind.rawValue) << 24 | transaction)
    if let client { bytes += DHCPv6Option.clientIdentifier(client).bytes }
    if let server { bytes += DHCPv6Option.serverIdentifier(server).bytes }
    if isRapid { bytes += DHCPv6Option.rapidCommit.bytes }
    for association in associations { bytes += DHCPv6Option.association(association).bytes }
    if let status { bytes += DHCPv6Option.status(status).bytes }
    if let zone {
      bytes += DHCPv6Option.nameServers([OverlayNetwork.tor.localResponder]).bytes
      bytes += DHCPv6Option.searchList([zone]).bytes
    }
    return bytes
  }

  private static func set<Value>(_ field: inout Value?, _ value: Value) throws(DHCPv6MessageError) {
    guard field == nil else { throw .repeated }
    field = value
  }
}
