import CLinux
import Glibc

/// What is looked at before anything is done.
extension SystemCall {
  /// Fails if the user may not do that (`R_OK`, `W_OK`, `X_OK`) with what stands at `path`.
  static func requireAccess(_ path: String, _ access: Int32) throws(SystemError) {
    // AT_EACCESS: it is the user whose rights count that is asked for, and not who called.
    do throws(SystemError) {
      try perform("use \(path)") { Glibc.faccessat(AT_FDCWD, path, access, AT_EACCESS) }
    } catch {
      // It may be the way there that is closed to this user, and not the place.
      let place = try ask(after: error) { broker throws(SystemError) in try broker.open(path, O_RDONLY | O_DIRECTORY) }
      try perform("use \(path)") { Glibc.faccessat(place.number, ".", access, AT_EACCESS) }
    }
  }

  /// How many bytes, and how many files, users can put into the file system at `path`.
  static func space(at path: String) throws(SystemError) -> (bytes: UInt64, files: UInt64) {
    let directory = try open(path, O_RDONLY | O_DIRECTORY)
    let number = directory.number
    var status = statvfs()
    try perform("statvfs \(path)") { Glibc.fstatvfs(number, &status) }
    // A file system that has no table of files says that there are none, and none free.
    let files = status.f_files == 0 ? UInt64.max : UInt64(status.f_favail)
    return (UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue, files)
  }

  /// What the link at `path` says.
  static func target(of path: String) throws(SystemError) -> String {
    try target(of: path, in: AT_FDCWD, path: path)
  }

  /// What the link of this name in a directory says, or an open link where the name is empty; `path` names it in an
  /// error.
  static func target(of name: String, in directory: Int32, path: String) throws(SystemError) -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = try perform("readlink \(path)") { Glibc.readlinkat(directory, name, &buffer, buffer.count) }
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The group whose rights the process has.
  static var group: gid_t { Glibc.getegid() }

  /// Whether somebody keeps the calendar's time right, as far as the kernel was told.
  static var isClockSynchronized: Bool { oncilla_clock_is_synchronized() }

  /// Does `body` with the rights on files of another user, of whom root takes the place for so long. The program has
  /// one thread then.
  static func actingOnFiles<Result>(
    as user: uid_t, group: gid_t, groups: [gid_t], _ body: () -> Result
  ) -> Result {
    var own = [gid_t](repeating: 0, count: max(0, Int(Glibc.getgroups(0, nil))))
    own = Array(own.prefix(max(0, Int(Glibc.getgroups(Int32(own.count), &own)))))
    let (ownUser, ownGroup) = (Glibc.geteuid(), Glibc.getegid())
    // The group first: the user may not change it.
    let isDone = Glibc.setgroups(groups.count, groups) == 0 && Glibc.setegid(group) == 0 && Glibc.seteuid(user) == 0
    defer {
      let isBack =
        Glibc.seteuid(ownUser) == 0 && Glibc.setegid(ownGroup) == 0 && Glibc.setgroups(own.count, own) == 0
      precondition(isBack || !isDone, "the user who called cannot be gone back to")
    }
    return body()
  }
}
