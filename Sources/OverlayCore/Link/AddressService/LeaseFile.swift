/// The leases of a daemon as they stand in its state directory, one a line:
///
///     # address, MAC address, DUID in hexadecimal, expiry in seconds since 1970
///     fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03 02:00:5e:10:00:01 0003000102005e100001 1767225600
///
/// A line that says anything else is a problem to be told, and leaves the other lines as they are.
public struct LeaseFile: Equatable, Sendable {
  /// The leases in the order of the file, no two of one address or of one MAC address.
  public let leases: [Lease]
  /// The lines that were left out.
  public let problems: LineProblems

  /// How many leases are taken from a file; the lines after them are one problem.
  static let mostLeases = 1_000

  /// What stands in `bytes`, a file's whole content.
  public init(parsing bytes: [UInt8]) {
    var leases: [Lease] = []
    var addresses: Set<IPv6Address> = []
    var macAddresses: Set<MACAddress> = []
    problems = LineProblems(reading: bytes) { (fields) throws(LeaseLineError) in
      let lease = try LeaseFile.lease(in: fields)
      guard leases.count < LeaseFile.mostLeases else { throw .excess }
      guard !addresses.contains(lease.address), !macAddresses.contains(lease.macAddress) else { throw .taken }
      addresses.insert(lease.address)
      macAddresses.insert(lease.macAddress)
      leases.append(lease)
    }
    self.leases = leases
  }

  /// The file's content for these leases, to be read again by `init(parsing:)`.
  public static func text(of leases: [Lease]) -> String {
    leases.reduce(into: "# address, MAC address, DUID in hexadecimal, expiry in seconds since 1970\n") {
      $0 += "\($1.address) \($1.macAddress) \($1.client) \($1.expiry)\n"
    }
  }

  private static func lease(in fields: [String]) throws(LeaseLineError) -> Lease {
    guard fields.count == 4 else { throw .fields(fields.count) }
    guard let address = IPv6Address(fields[0]) else { throw .address }
    guard let macAddress = MACAddress(fields[1]), !macAddress.isGroup else { throw .macAddress }
    guard let client = DUID(fields[2]) else { throw .client }
    guard let expiry = Int64(fields[3]), expiry >= 0 else { throw .expiry }
    return Lease(address: address, macAddress: macAddress, client: client, expiry: expiry)
  }
}

/// Why a line of a lease file is no lease.
private enum LeaseLineError: LineError {
  case fields(Int)
  case address
  case macAddress
  case client
  case expiry
  case taken
  case excess

  var endsReading: Bool {
    if case .excess = self { true } else { false }
  }

  var description: String {
    switch self {
    case .fields(let count):
      "\(count) field\(count == 1 ? "" : "s") where an address, a MAC address, a DUID and an expiry are accepted"
    case .address: "the first field is not an IPv6 address"
    case .macAddress: "the second field is not the MAC address of a host"
    case .client: "the third field is not a DUID: 6 to 260 hexadecimal digits"
    case .expiry: "the fourth field is not a number of seconds since 1970"
    case .taken: "an earlier line has the same address or the same MAC address"
    case .excess: "only the first \(LeaseFile.mostLeases) leases of a file are used"
    }
  }
}
