import Glibc

/// An event that hooks are run for.
public enum HookEvent: String, CaseIterable, Sendable {
  /// The interface stands.
  case up
  /// The daemon ends, and the interface still stands unless somebody else removed it.
  case down
  /// A circuit to a configured peer is open, and was not before.
  case peerUp = "peer-up"
  /// A configured peer that was up is not any more.
  case peerDown = "peer-down"
}

/// A program that is run for an event.
public struct Hook: Hashable, Sendable {
  /// The event.
  public let event: HookEvent
  /// The absolute path of the program.
  public let path: String

  /// Makes a hook.
  public init(_ event: HookEvent, _ path: String) {
    self.event = event
    self.path = path
  }

  /// Throws if the program cannot be run, or if somebody could replace it by another who has fewer rights than the
  /// daemon.
  func check() throws(HookError) {
    let (mode, owner): (mode_t, uid_t)
    do throws(SystemError) {
      let found = try SystemCall.follow(path)
      guard found.st_mode & S_IFMT == S_IFREG else { throw SystemError(call: "run \(path)", number: EACCES) }
      (mode, owner) = (found.st_mode, found.st_uid)
      try SystemCall.findProgram(path)
    } catch {
      throw HookError(self, error.number == EACCES ? "it is no program that the daemon may run" : error.reason)
    }
    guard mode & S_IWOTH == 0 else { throw HookError(self, "everybody may write it: chmod o-w \(path)") }
    guard owner == 0 || owner == SystemCall.user else {
      throw HookError(self, "it belongs to neither root nor the user of the daemon")
    }
  }
}

/// The reason why a hook is refused, in a line.
struct HookError: Error, Equatable, CustomStringConvertible {
  let description: String

  init(_ hook: Hook, _ reason: String) {
    description = "hook \(hook.event.rawValue)=\(hook.path.quotedLine(limit: 400)): \(reason)"
  }
}
