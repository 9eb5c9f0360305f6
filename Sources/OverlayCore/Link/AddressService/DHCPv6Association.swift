/// An identity association for non-temporary addresses, IA_NA (RFC 8415 section 21.4): the addresses of one interface
/// of a client.
///
///     +---------------------------------------------------------------+
///     |        the association's identifier, the client's choice      |
///     +---------------------------------------------------------------+
///     |      T1: seconds until the client asks this server again      |
///     +---------------------------------------------------------------+
///     |      T2: seconds until the client asks any server             |
///     +---------------------------------------------------------------+
///     |  options: addresses, a status                                 |
///     +---------------------------------------------------------------+
struct DHCPv6Association: Equatable {
  /// By which the client tells its associations apart.
  var identifier: UInt32
  /// T1, seconds; 0 leaves it to the client.
  var renewalTime: UInt32 = 0
  /// T2, seconds; 0 leaves it to the client.
  var rebindingTime: UInt32 = 0
  /// Its addresses, at most `mostAddresses`.
  var addresses: [DHCPv6Address] = []
  /// How it went; none is success.
  var status: DHCPv6Status?

  /// How many addresses one may hold: with `DHCPv6Message.mostAssociations` of them every answer fits into 1,280 bytes.
  static let mostAddresses = 4

  /// An association with this identifier and nothing in it.
  init(identifier: UInt32) {
    self.identifier = identifier
  }

  /// Takes what `value`, an option's, holds.
  init(_ value: inout ByteCursor) throws(DHCPv6MessageError) {
    guard let identifier = value.number32(), let renewalTime = value.number32(), let rebindingTime = value.number32()
    else { throw .cutOff }
    self.identifier = identifier
    self.renewalTime = renewalTime
    self.rebindingTime = rebindingTime
    while value.count > 0 {
      switch try DHCPv6Option(&value, isWithinAssociation: true) {
      case .address(let address):
        guard addresses.count < DHCPv6Association.mostAddresses else { throw .excess }
        addresses.append(address)
      case .status(let status): self.status = status
      default: break
      }
    }
  }

  /// The option's value.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(bigEndian: identifier)
    bytes.append(bigEndian: renewalTime)
    bytes.append(bigEndian: rebindingTime)
    for address in addresses { bytes += DHCPv6Option.address(address).bytes }
    if let status { bytes += DHCPv6Option.status(status).bytes }
    return bytes
  }
}

/// One address of an association (RFC 8415 section 21.6).
///
///     +---------------------------------------------------------------+
///     |                      address, 16 bytes                        |
///     +---------------------------------------------------------------+
///     |          preferred lifetime, seconds                          |
///     +---------------------------------------------------------------+
///     |          valid lifetime, seconds; 0: no longer the client's   |
///     +---------------------------------------------------------------+
///     |  options                                                      |
///     +---------------------------------------------------------------+
struct DHCPv6Address: Equatable {
  /// The address.
  var address: IPv6Address
  /// For how many seconds new connections may begin from it.
  var preferredLifetime: UInt32
  /// For how many seconds it may be used.
  var validLifetime: UInt32

  /// An address of these lifetimes.
  init(_ address: IPv6Address, preferredLifetime: UInt32 = 0, validLifetime: UInt32 = 0) {
    self.address = address
    self.preferredLifetime = preferredLifetime
    self.validLifetime = validLifetime
  }

  /// Takes what `value`, an option's, holds; its own options say nothing to a server.
  init(_ value: inout ByteCursor) throws(DHCPv6MessageError) {
    guard let address = value.address(), let preferred = value.number32(), let valid = value.number32() else {
      throw .cutOff
    }
    self.init(address, preferredLifetime: preferred, validLifetime: valid)
  }

  /// The option's value.
  var bytes: [UInt8] {
    var bytes = address.bytes
    bytes.append(bigEndian: preferredLifetime)
    bytes.append(bigEndian: validLifetime)
    return bytes
  }
}
