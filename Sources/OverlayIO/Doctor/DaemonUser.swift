import Glibc

/// The user that the daemon runs as, and what it may do with files.
struct DaemonUser: Equatable {
  /// Its name, or its number if it has none.
  let name: String
  /// Its number.
  let number: UInt32
  private let group: UInt32
  private let groups: [UInt32]

  /// The user of the service, if it is installed and its user exists; else whoever asks.
  init(of unit: ServiceUnit, in paths: DoctorPaths) {
    let users = UserFiles.lines(paths("/etc/passwd")).filter { $0.count >= 4 }
    if unit.isInstalled, let wanted = unit.user,
      let entry = users.first(where: { $0[0] == wanted || $0[2] == wanted }), let number = UInt32(entry[2]),
      let group = UInt32(entry[3])
    {
      (name, self.number, self.group) = (entry[0], number, group)
      groups = UserFiles.lines(paths("/etc/group")).filter { fields in
        fields.count >= 4 && (UserFiles.members(fields).contains(entry[0]) || unit.groups.contains(fields[0]))
      }.compactMap { UInt32($0[2]) }
      return
    }
    let own = SystemCall.user
    name = DaemonUser.name(of: own, in: paths)
    (number, group, groups) = (own, SystemCall.group, [])
  }

  /// The user of a process that runs; `nil` if there is none.
  init?(ofProcess process: Int32, in paths: DoctorPaths) {
    let numbers = { (field: String) -> [UInt32] in
      let line = paths.read("/proc/\(process)/status")?.split(whereSeparator: \.isNewline).first { $0.hasPrefix(field) }
      return line?.split { $0 == " " || $0 == "\t" }.dropFirst().compactMap { UInt32($0) } ?? []
    }
    let (users, groups) = (numbers("Uid:"), numbers("Gid:"))
    guard users.count == 4, groups.count == 4 else { return nil }
    (number, group, self.groups) = (users[1], groups[1], numbers("Groups:"))
    name = DaemonUser.name(of: number, in: paths)
  }

  private static func name(of number: UInt32, in paths: DoctorPaths) -> String {
    UserFiles.user(number, in: paths("/etc/passwd")) ?? "\(number)"
  }

  /// Whether it can be told what this user may do: root can take its place.
  var isKnown: Bool { number == SystemCall.user || SystemCall.user == 0 }

  /// Does `body` with the rights of this user on files.
  func acting<Result>(_ body: () -> Result) -> Result {
    guard number != SystemCall.user else { return body() }
    return SystemCall.actingOnFiles(as: number, group: group, groups: groups, body)
  }

  /// Why it may not do that (`R_OK`, `W_OK`, `X_OK`) with what stands at `path`; `nil` if it may.
  func obstacle(_ path: String, _ access: Int32) -> SystemError? {
    acting {
      do throws(SystemError) {
        try SystemCall.requireAccess(path, access)
        return nil
      } catch {
        return error
      }
    }
  }
}
