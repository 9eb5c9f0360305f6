import CLinux
import Glibc
import OverlayCore

/// What concerns paths, owners and users: the control socket is a file, too.
extension SystemCall {
  /// What stands at `path`, which may be a link; `nil` where nothing does.
  static func look(at path: String) throws(SystemError) -> stat? {
    var status = stat()
    do throws(SystemError) {
      try perform("lstat \(path)") { Glibc.lstat(path, &status) }
      return status
    } catch {
      if error.number == ENOENT { return nil }
      let flags = O_NOFOLLOW | placeFlag
      let place = try ask(after: error) { broker throws(SystemError) in try broker.open(path, flags) }
      return try self.status(place.number)
    }
  }

  /// The path of what stands at `path`, without a link in it.
  static func resolve(_ path: String) throws(SystemError) -> String {
    var resolved = ""
    try perform("resolve \(path)") { () -> Int32 in
      guard let found = Glibc.realpath(path, nil) else { return -1 }
      resolved = String(cString: found)
      free(found)
      return 0
    }
    return resolved
  }

  /// Removes the file at `path`.
  static func remove(_ path: String) throws(SystemError) {
    do throws(SystemError) {
      try perform("unlink \(path)") { Glibc.unlink(path) }
    } catch {
      try ask(after: error) { broker throws(SystemError) in try broker.remove(path) }
    }
  }

  /// Sets who may use what is open as a place alone (`placeFlag`); `path` names it in an error.
  static func setMode(ofPlace place: borrowing FileDescriptor, _ mode: mode_t, path: String) throws(SystemError) {
    // fchmod(2) does not take such a descriptor.
    let place = place.pathByNumber
    try perform("chmod \(path)") { Glibc.chmod(place, mode) }
  }

  /// Gives what is open as a place alone (`placeFlag`) to a group; `path` names it in an error.
  static func setGroup(ofPlace place: borrowing FileDescriptor, _ group: gid_t, path: String) throws(SystemError) {
    // All bits set: the owner stays.
    let place = place.pathByNumber
    try perform("chown \(path)") { Glibc.chown(place, uid_t.max, group) }
  }

  /// The user and the process that made the connection of a UNIX socket.
  static func peerCredentials(of socket: Int32) throws(SystemError) -> (user: UInt32, process: Int32) {
    var (user, process) = (UInt32(0), Int32(0))
    try perform("getsockopt SO_PEERCRED") { oncilla_peer_credentials(socket, &user, &process) }
    return (user, process)
  }

  /// Whether a descriptor that belongs to somebody else is a terminal.
  public static func isTerminal(_ descriptor: Int32) -> Bool { Glibc.isatty(descriptor) == 1 }

  /// Waits until a descriptor has one of these events (`POLL…`), at most so many milliseconds. It returns false when
  /// the time is over.
  static func wait(for events: Int32, of descriptor: Int32, milliseconds: Int32) throws(SystemError) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    return try perform("poll") { Glibc.poll(&request, 1, milliseconds) } > 0
  }

  /// The same, until `deadline` at most.
  static func wait(for events: Int32, of descriptor: Int32, until deadline: Instant) throws(SystemError) -> Bool {
    let rest = deadline - now
    guard rest > .zero else { return false }
    return try wait(for: events, of: descriptor, milliseconds: Int32(clamping: rest.wholeMicroseconds / 1_000 + 1))
  }
}
