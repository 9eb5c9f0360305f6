/// The users and groups of this host, as the files of passwd(5) and group(5) have them. The system's own resolver may
/// ask others over the network, and is never asked.
public enum UserFiles {
  /// A group.
  public struct Group: Equatable, Sendable {
    /// Its number.
    public let number: UInt32
    /// The names of its members, apart from those whose primary group it is.
    public let members: [String]
  }

  /// Returns the group of this name; `nil` if there is none.
  public static func group(_ name: String) -> Group? {
    fields("/etc/group") { $0.count >= 4 && $0[0] == name }.flatMap { fields in
      UInt32(fields[2]).map { Group(number: $0, members: fields[3].split(separator: ",").map(String.init)) }
    }
  }

  /// Returns the name of the user with this number; `nil` if there is none.
  public static func user(_ number: UInt32) -> String? {
    fields("/etc/passwd") { $0.count >= 3 && $0[2] == "\(number)" }?.first
  }

  /// Returns the name of the group with this number; `nil` if there is none.
  public static func groupName(_ number: UInt32) -> String? {
    fields("/etc/group") { $0.count >= 3 && $0[2] == "\(number)" }?.first
  }

  /// Returns whether there is a user of this name.
  public static func hasUser(_ name: String) -> Bool { fields("/etc/passwd") { $0.first == name } != nil }

  /// Returns the fields of the first line that is meant.
  private static func fields(_ path: String, where isMeant: ([String]) -> Bool) -> [String]? {
    guard let bytes = try? readFile(path) else { return nil }
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
      if isMeant(fields) { return fields }
    }
    return nil
  }
}
