/// The names that an operator keeps in a file, one a line, in OnionCat's form:
///
///     # the address is the one that the name maps to
///     fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03  657g75…itgyd.onion
///
/// A line that says anything else is a problem to be told, and leaves the other lines as they are.
public struct HostsFile: Equatable, Sendable {
  /// A line that was left out.
  public struct Problem: Equatable, Sendable, CustomStringConvertible {
    /// The line's number; the first is 1.
    public let line: Int
    /// What was wrong and what is accepted; nothing of the line itself.
    public let text: String

    /// The problem as a log line's end: `line 3: …`.
    public var description: String { "line \(line): \(text)" }
  }

  /// The names in the order of the file, no two with the same address; each carries its address.
  public private(set) var names: [OnionName] = []
  /// The first problems, at most `mostProblems`.
  public private(set) var problems: [Problem] = []
  /// How many problems there are beyond those kept in `problems`.
  public private(set) var furtherProblems = 0

  /// How many names are taken from a file; the lines after them are one problem.
  public static let mostNames = 10_000
  /// How many problems are kept with their text.
  public static let mostProblems = 20

  /// What stands in `bytes`, a file's whole content. CR before a line's end is tolerated.
  public init(parsing bytes: [UInt8]) {
    var known: [IPv6Address: OnionName] = [:]
    var rest = bytes[...]
    var number = 0
    while !rest.isEmpty {
      let line = rest.prefix { $0 != UInt8(ascii: "\n") }
      rest = rest.dropFirst(line.count + 1)
      number += 1
      do throws(HostsLineError) {
        guard let name = try HostsFile.name(in: line) else { continue }
        if let other = known[name.address] {
          guard other == name else { throw .taken }
          continue
        }
        guard names.count < HostsFile.mostNames else { throw .excess }
        known[name.address] = name
        names.append(name)
      } catch {
        add(Problem(line: number, text: error.description))
        if case .excess = error { return }
      }
    }
  }

  private mutating func add(_ problem: Problem) {
    if problems.count < HostsFile.mostProblems { problems.append(problem) } else { furtherProblems += 1 }
  }

  private static func name(in line: ArraySlice<UInt8>) throws(HostsLineError) -> OnionName? {
    let content = line.prefix { $0 != UInt8(ascii: "#") }
    let fields = content.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
    if fields.isEmpty { return nil }
    guard fields.count == 2 else { throw .fields(fields.count) }
    let texts = fields.map { String(decoding: $0, as: UTF8.self) }
    guard let address = IPv6Address(texts[0]) else { throw .address }
    let name: OnionName
    do { name = try OnionName(texts[1]) } catch { throw .name(error) }
    guard name.address == address else { throw .mismatch }
    return name
  }
}

/// Why a line of a hosts file names nobody. What the line says is left out: the log keeps peers' names to itself, and
/// the line can be looked up.
private enum HostsLineError: Error, CustomStringConvertible {
  case fields(Int)
  case address
  case name(OnionNameError)
  case mismatch
  case taken
  case excess

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
