/// The names that an operator keeps in a file, one a line, in OnionCat's form:
///
///     # the address is the one that the name maps to
///     fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03  657g75…itgyd.onion
///
/// A line that says anything else is a problem to be told, and leaves the other lines as they are.
public struct HostsFile: Equatable, Sendable {
  /// The names in the order of the file, no two with the same address; each carries its address.
  public let names: [OnionName]
  /// The lines that were left out.
  public let problems: LineProblems

  /// How many names are taken from a file; the lines after them are one problem.
  public static let mostNames = 10_000

  /// What stands in `bytes`, a file's whole content, where the port of all peers is `servicePort`.
  public init(parsing bytes: [UInt8], servicePort: UInt16 = OverlayNetwork.servicePort) {
    var names: [OnionName] = []
    var known: [IPv6Address: OnionName] = [:]
    problems = LineProblems(reading: bytes) { (fields) throws(HostsLineError) in
      let name = try HostsFile.name(in: fields, servicePort: servicePort)
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

  private static func name(in fields: [String], servicePort: UInt16) throws(HostsLineError) -> OnionName {
    guard fields.count == 2 else { throw .fields(fields.count) }
    guard let address = IPv6Address(fields[0]) else { throw .address }
    let name: OnionName
    do { name = try OnionName(pasted: fields[1], servicePort: servicePort) } catch { throw .name(error) }
    guard name.address == address else { throw .mismatch }
    return name
  }
}

/// Why a line of a hosts file names nobody. What the line says is left out: the log keeps peers' names to itself, and
/// the line can be looked up.
private enum HostsLineError: LineError {
  case fields(Int)
  case address
  case name(OnionNameError)
  case mismatch
  case taken
  case excess

  var endsReading: Bool {
    if case .excess = self { true } else { false }
  }

  var description: String {
    switch self {
    case .fields(let count): "\(count) field\(count == 1 ? "" : "s") where an address and a name are accepted"
    case .address: "the first field is not an IPv6 address"
    case .name(let error): "the second field is not an onion name: \(error)"
    case .mismatch: "the address is not that of the name, which 'oncilla address' prints"
    case .taken: "an earlier line has another name of the same address"
    case .excess: "only the first \(HostsFile.mostNames) names of a file are used"
    }
  }
}
