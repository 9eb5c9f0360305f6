import Glibc
import OverlayCore

/// Shuts a process into its room: from then on it is a user without rights, and what it still needs of them the helper
/// does.
enum RoomLock {
  /// The user of the package, who is taken where there is such a user.
  static let usualUser = "oncilla"
  /// The user who is taken elsewhere.
  static let otherUser = "nobody"

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

  /// Gives up all rights, for good, what `Landlock` does not allow where those are the ports, and all system calls but
  /// these. The process has one thread, and with `endsWithParent` the kernel ends it when the one ends that started it,
  /// whatever it waits for. What the kernel lacks for that is returned, in words.
  static func shut(
    as account: UserFiles.Account?, connectingTo ports: [UInt16], making calls: RoomCalls,
    endsWithParent: Bool = false
  ) throws(PrivilegeError) -> [String] {
    let landlock: Landlock
    do throws(SystemError) {
      landlock = try Landlock(connectingTo: ports)
    } catch {
      throw .failed(act: "make rules for files", error)
    }
    SystemCall.dropBoundingCapabilities()
    if let account, account.user != 0 {
      do throws(SystemError) {
        // What its other groups may open the helper opens.
        try SystemCall.become(user: account.user, group: account.group, groups: [account.group])
      } catch {
        throw error.isDenied ? .cannotBecome(account.name) : .failed(act: "become user \(account.name)", error)
      }
    }
    var missing = landlock.missing
    do throws(SystemError) {
      try SystemCall.keepCapabilities(0)
      try SystemCall.refuseNewPrivileges()
      try SystemCall.refuseDumps()
      // The kernel forgets it when a process becomes another user.
      if endsWithParent { try SystemCall.endWithParent() }
      try landlock.enforce()
      // Last: it takes away what the calls before it need.
      if try !bind(to: calls) { missing.append("filters of system calls (seccomp)") }
    } catch {
      throw .failed(act: "give up the rights of the process", error)
    }
    return missing
  }

  /// Leaves the process the system calls of its list; whether the kernel can, and has the calls that the list knows.
  static func bind(to calls: RoomCalls) throws(SystemError) -> Bool {
    guard let filter = calls.filter else { return false }
    do throws(SystemError) {
      try SystemCall.install(filter.instructions)
      return true
    } catch {
      if error.number == EINVAL || error.number == ENOSYS { return false }
      throw error
    }
  }
}
