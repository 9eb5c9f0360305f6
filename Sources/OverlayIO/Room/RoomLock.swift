import Glibc
import OverlayCore

/// Shuts the daemon into its room: from then on it is a user without rights, and what it still needs of them its helper
/// does.
enum RoomLock {
  /// The user of the package, who is taken where there is such a user.
  static let usualUser = "oncilla"
  /// The user who is taken elsewhere.
  static let otherUser = "nobody"
  // Every file of the state directory that a daemon of root's made, and may now not open any more.
  private static let stateFiles = ["mac", "leases", "names"]

  /// The user that a daemon is from then on; `nil` for the one that it is, who is not root and so nobody else.
  static func account(_ user: String?) throws(PrivilegeError) -> UserFiles.Account? {
    guard SystemCall.user == 0 else {
      guard let user, UserFiles.account(user)?.user != SystemCall.user else { return nil }
      throw .notPermitted(capability: "CAP_SETUID", act: "become user \(user.quotedLine())")
    }
    guard let name = user ?? [usualUser, otherUser].first(where: { UserFiles.hasUser($0) }),
      let account = UserFiles.account(name)
    else { throw .noUser(user ?? otherUser) }
    return account
  }

  /// Gives up all rights, for good, what `Landlock` does not allow, and all system calls but those of `RoomCalls`. The
  /// process has one thread. What the kernel lacks for that is returned, in words.
  static func shut(as account: UserFiles.Account?, _ settings: DaemonSettings) throws(PrivilegeError) -> [String] {
    let landlock: Landlock
    do throws(SystemError) {
      landlock = try Landlock(settings, serving: account?.user)
    } catch {
      throw .failed(act: "make rules for files", error)
    }
    SystemCall.dropBoundingCapabilities()
    if let account, account.user != 0 {
      do throws(SystemError) {
        try SystemCall.become(user: account.user, group: account.group, groups: account.groups)
      } catch {
        throw error.isDenied ? .cannotBecome(account.name) : .failed(act: "become user \(account.name)", error)
      }
    }
    var missing = landlock.missing
    do throws(SystemError) {
      try SystemCall.keepCapabilities(0)
      try SystemCall.refuseNewPrivileges()
      try SystemCall.refuseDumps()
      try landlock.enforce()
      // Last: it takes away what the calls before it need.
      if try !bound() { missing.append("filters of system calls (seccomp)") }
    } catch {
      throw .failed(act: "give up the rights of the daemon", error)
    }
    return missing
  }

  /// Leaves the process the system calls of its list; whether the kernel can, and has the calls that the list knows.
  private static func bound() throws(SystemError) -> Bool {
    guard let filter = RoomCalls.filter else { return false }
    do throws(SystemError) {
      try SystemCall.install(filter.instructions)
      return true
    } catch {
      if error.number == EINVAL || error.number == ENOSYS { return false }
      throw error
    }
  }

  /// Gives the state directory, which is made where it is missing, and what a daemon of root's has kept in it, to a user.
  /// Throws what that user will miss; returns whether the keys of onion services are there.
  static func give(_ path: String, to account: UserFiles.Account) throws(SystemError) -> Bool {
    try SystemCall.makeDirectory(path, mode: 0o700)
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
    let directory = try TrustedPath.open(path, flags, serving: account.user)
    let owner = try SystemCall.status(directory.number).st_uid
    guard owner == 0 || owner == account.user else { return false }
    let names = try SystemCall.names(in: directory.number, path: path, limit: 4_096).filter {
      stateFiles.contains($0) || $0.hasPrefix("identity")
    }
    for name in names {
      let file = "\(path)/\(name)"
      let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW
      let found = try SystemCall.open(name, in: directory.number, flags, path: file)
      let status = try SystemCall.status(found.number)
      // A second name could be that of a file of root's elsewhere.
      guard status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1, status.st_uid == 0 else { continue }
      try SystemCall.give(found.number, to: account.user, account.group, path: file)
    }
    if owner == 0, account.user != 0 {
      try SystemCall.give(directory.number, to: account.user, account.group, path: path)
    }
    return names.contains { $0.hasPrefix("identity") }
  }
}
