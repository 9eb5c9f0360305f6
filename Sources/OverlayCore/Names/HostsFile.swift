/// A hosts file holds names that an operator keeps, one in each line, in the format of hosts(5):
///
///     # the address is the one that the name maps to; aliases may stand around it
///     fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03  657g75…itgyd.onion  alice
///
/// Lines with addresses outside the overlay are for other programs, as the file may be `/etc/hosts`. Any other line is
/// a problem, which is reported; the other lines count.
public struct HostsFile: Equatable, Sendable {
  /// The names in the order of the file, no two with the same address; each carries its address.
  public let names: [OnionName]
  /// The lines that were left out.
  public let problems: LineProblems

  /// The greatest number of names of a file. The lines after them are one problem.
  static let mostNames = 10_000

  /// The greatest number of bytes that are read of a file: enough for so many lines of 500 bytes.
  public static let mostBytes = 8 << 20

  /// Reads a file whose whole content is `bytes`. All peers are dialled at `servicePort`.
  public init(parsing bytes: [UInt8], servicePort: UInt16 = OverlayNetwork.servicePort) {
    var names: [OnionName] = []
    var known: [IPv6Address: OnionName] = [:]
    problems = LineProblems(reading: bytes) { (fields) throws(HostsLineError) in
      guard let name = try HostsFile.name(in: fields, servicePort: servicePort) else { return }
      if let other = known[name.address] {
        guard other == name else { throw .taken }
        return
      }
      guard names.count < HostsFile.mostNames else { throw .excess }
      known[name.address] = name
      names.append(name)
    }
    self.names = names
  }

  /// The name that a line has for an address of the overlay; `nil` if it is for another.
  private static func name(in fields: [String], servicePort: UInt16) throws(HostsLineError) -> OnionName? {
    // What has a colon or a slash is no name of another kind, but an onion name as it was pasted.
    let onions = fields.dropFirst().filter {
      $0.lowercasedASCII.hasSuffix(OverlayNetwork.tor.suffix)
        || $0.utf8.contains(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") })
    }
    guard let address = IPv6Address(fields[0].prefix { $0 != "%" }) else {
      guard IPv4Address(fields[0]) != nil else { throw .address }
      guard onions.isEmpty else { throw .mismatch }
      return nil
    }
    guard OverlayNetwork.tor.contains(address) || !onions.isEmpty else { return nil }
    // The daemon may keep its block in the same file.
    guard fields.count != 2 || !HostsBlock.isOwn(fields[1]) else { return nil }
    var problem: HostsLineError?
    for text in onions.isEmpty ? fields.dropFirst() : onions[...] {
      do throws(OnionNameError) {
        let name = try OnionName(pasted: text, servicePort: servicePort)
        if name.address == address { return name }
        problem = problem ?? .mismatch
      } catch {
        problem = problem ?? (onions.isEmpty ? .nameless : .name(error))
      }
    }
    throw problem ?? .nameless
  }
}

/// Why a line of a hosts file names nobody. What the line says is left out: the log keeps peers' names to itself, and
/// the line can be looked up.
private enum HostsLineError: LineError {
  case address
  case nameless
  case name(OnionNameError)
  case mismatch
  case taken
  case excess

  var endsReading: Bool {
    if case .excess = self { true } else { false }
  }

  var description: String {
    switch self {
    case .address: "the first field is not an IP address; an address and its onion name are accepted"
    case .nameless: "no onion name follows the address"
    case .name(let error): "the name after the address is not accepted: \(error)"
    case .mismatch: "the address is not that of the name, which 'oncilla address' prints"
    case .taken: "an earlier line has another name of the same address"
    case .excess: "only the first \(HostsFile.mostNames) names of a file are used"
    }
  }
}

/// The names of a hosts file by address. Copies share their memory, as each identity of a daemon holds one.
public struct HostNames: Sendable {
  private var byAddress: [IPv6Address: OnionName] = [:]

  /// Makes a table of these names. Of two names with the same address it takes the first.
  public init(_ names: [OnionName] = []) {
    byAddress.reserveCapacity(names.count)
    for name in names where byAddress[name.address] == nil { byAddress[name.address] = name }
  }

  /// All names, in no order.
  var names: some Collection<OnionName> { byAddress.values }

  /// The name with this address, if there is one.
  subscript(address: IPv6Address) -> OnionName? { byAddress[address] }
}
