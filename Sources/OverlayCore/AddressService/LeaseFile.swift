/// The leases of a daemon as they stand in its state directory, one a line:
///
///     # address, MAC address, DUID in hexadecimal, expiry in seconds since 1970
///     fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03 02:00:5e:10:00:01 0003000102005e100001 1767225600
///
/// A line that says anything else is a problem to be told, and leaves the other lines as they are.
public struct LeaseFile: Equatable, Sendable {
  /// A line that was left out.
  public struct Problem: Equatable, Sendable, CustomStringConvertible {
    /// The line's number; the first is 1.
    public let line: Int
    /// What was wrong and what is accepted; nothing of the line itself.
    public let text: String

    /// The problem as a log line's end: `line 3: …`.
    public var description: String { "line \(line): \(text)" }
  }

  /// The leases in the order of the file, no two of one address or of one MAC address.
  public private(set) var leases: [Lease] = []
  /// The first problems, at most `mostProblems`.
  public private(set) var problems: [Problem] = []
  /// How many problems there are beyond those kept in `problems`.
  public private(set) var furtherProblems = 0

  /// How many leases are taken from a file; the lines after them are one problem.
  public static let mostLeases = 1_000
  /// How many problems are kept with their text.
  public static let mostProblems = 20

  /// What stands in `bytes`, a file's whole content. CR before a line's end is tolerated.
  public init(parsing bytes: [UInt8]) {
    var addresses: Set<IPv6Address> = []
    var macAddresses: Set<MACAddress> = []
    var rest = bytes[...]
    var number = 0
    while !rest.isEmpty {
      let line = rest.prefix { $0 != UInt8(ascii: "\n") }
      rest = rest.dropFirst(line.count + 1)
      number += 1
      do throws(LeaseLineError) {
        guard let lease = try LeaseFile.lease(in: line) else { continue }
        guard leases.count < LeaseFile.mostLeases else { throw .excess }
        guard !addresses.contains(lease.address), !macAddresses.contains(lease.macAddress) else { throw .taken }
        addresses.insert(lease.address)
        macAddresses.insert(lease.macAddress)
        leases.append(lease)
      } catch {
        add(Problem(line: number, text: error.description))
        if case .excess = error { return }
      }
    }
  }

  /// The file's content for these leases, to be read again by `init(parsing:)`.
  public static func text(of leases: [Lease]) -> String {
    leases.reduce(into: "# address, MAC address, DUID in hexadecimal, expiry in seconds since 1970\n") {
      $0 += "\($1.address) \($1.macAddress) \($1.client) \($1.expiry)\n"
    }
  }

  private mutating func add(_ problem: Problem) {
    if problems.count < LeaseFile.mostProblems { problems.append(problem) } else { furtherProblems += 1 }
  }

  private static func lease(in line: ArraySlice<UInt8>) throws(LeaseLineError) -> Lease? {
    let content = line.prefix { $0 != UInt8(ascii: "#") }
    let fields = content.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
    if fields.isEmpty { return nil }
    guard fields.count == 4 else { throw .fields(fields.count) }
    let texts = fields.map { String(decoding: $0, as: UTF8.self) }
    guard let address = IPv6Address(texts[0]) else { throw .address }
    guard let macAddress = MACAddress(texts[1]), !macAddress.isGroup else { throw .macAddress }
    guard let client = DUID(texts[2]) else { throw .client }
    guard let expiry = Int64(texts[3]), expiry >= 0 else { throw .expiry }
    return Lease(address: address, macAddress: macAddress, client: client, expiry: expiry)
  }
}

/// Why a line of a lease file is no lease.
private enum LeaseLineError: Error, CustomStringConvertible {
  case fields(Int)
  case address
  case macAddress
  case client
  case expiry
  case taken
  case excess

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
