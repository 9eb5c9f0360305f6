/// The users and groups of this host, as the files of passwd(5) and group(5) have them. The system's own resolver may
/// ask others over the network, and is never asked.
public enum UserFiles {
  /// The path of the file of users.
  public static let usersPath = "/etc/passwd"
  /// The path of the file of groups.
  public static let groupsPath = "/etc/group"

  /// A group.
  public struct Group: Equatable, Sendable {
    /// Its number.
    public let number: UInt32
    /// The names of its members, apart from those whose primary group it is.
    public let members: [String]
  }

  /// A user.
  public struct Account: Equatable, Sendable {
    /// The name.
    public let name: String
    /// The number.
    public let user: UInt32
    /// The number of the primary group.
    public let group: UInt32
    /// The numbers of all groups, the primary one first.
    public let groups: [UInt32]
    /// The path of the home directory.
    public let home: String
    /// The path of the shell; empty for the system's.
    public let shell: String
  }

  /// Returns the group of this name; `nil` if there is none.
  public static func group(_ name: String) -> Group? {
    lines(groupsPath).first { $0.count >= 4 && $0[0] == name }.flatMap { fields in
      UInt32(fields[2]).map { Group(number: $0, members: members(fields)) }
    }
  }

  /// Returns the name of the user with this number; `nil` if there is none.
  public static func user(_ number: UInt32, in users: String = UserFiles.usersPath) -> String? {
    lines(users).first { $0.count >= 3 && $0[2] == "\(number)" }?.first
  }

  /// Returns the name of the group with this number; `nil` if there is none.
  public static func groupName(_ number: UInt32) -> String? {
    lines(groupsPath).first { $0.count >= 3 && $0[2] == "\(number)" }?.first
  }

  /// Returns whether there is a user of this name.
  public static func hasUser(_ name: String) -> Bool { lines(usersPath).contains { $0.first == name } }

  /// Returns the user of this name; `nil` if there is none.
  public static func account(
    _ name: String, users: String = UserFiles.usersPath, groups: String = groupsPath
  ) -> Account? {
    guard let fields = lines(users).first(where: { $0.count >= 7 && $0[0] == name }) else { return nil }
    guard let user = UInt32(fields[2]), let group = UInt32(fields[3]) else { return nil }
    var numbers = [group]
    for fields in lines(groups) where fields.count >= 4 && members(fields).contains(name) {
      // The kernel takes 65,536 at most.
      if let number = UInt32(fields[2]), !numbers.contains(number), numbers.count < 65_536 { numbers.append(number) }
    }
    return Account(name: name, user: user, group: group, groups: numbers, home: fields[5], shell: fields[6])
  }

  /// Returns the names of the members of a group with these fields, of which there are four at least.
  static func members(_ fields: [String]) -> [String] { fields[3].split(separator: ",").map(String.init) }

  /// Returns the fields of each line; nothing if the file cannot be read.
  static func lines(_ path: String) -> [[String]] {
    guard let bytes = try? readFile(path) else { return [] }
    return bytes.split(separator: UInt8(ascii: "\n")).map { line in
      line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
    }
  }
}
