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

  /// Throws if the program cannot be run, or if somebody could replace it by another, or write it, who has fewer rights
  /// than the daemon: the program itself and every directory on the way to it are root's or the daemon's alone.
  func check() throws(HookError) {
    let found: stat
    let program: String
    do throws(SystemError) {
      found = try SystemCall.status(at: path)
      guard found.st_mode & S_IFMT == S_IFREG else { throw SystemError(call: "run \(path)", number: EACCES) }
      try SystemCall.findProgram(path)
      program = try SystemCall.resolve(path)
    } catch {
      throw HookError(self, error.number == EACCES ? "it is no program that the daemon may run" : error.reason)
    }
    try check(found, at: program == path ? nil : program)
    // Who may write in a directory may put another program, or another link, in the place of this one.
    for directory in Set(Hook.directories(of: path) + Hook.directories(of: program)).sorted() {
      let status: stat
      do throws(SystemError) { status = try SystemCall.status(at: directory) } catch {
        throw HookError(self, error.reason)
      }
      try check(status, at: directory)
    }
  }

  /// Throws if somebody else may change the file or directory at `place`, which is `nil` for the program as it is
  /// named.
  private func check(_ status: stat, at place: String?) throws(HookError) {
    let subject = place.map { $0.quotedLine(limit: 400) } ?? "it"
    guard status.st_uid == 0 || status.st_uid == SystemCall.user else {
      throw HookError(self, "\(subject) belongs to neither root nor the user of the daemon")
    }
    // In a directory with this bit, such as /tmp, nobody replaces what is another's.
    if status.st_mode & S_IFMT == S_IFDIR, status.st_mode & S_ISVTX != 0 { return }
    let remedy = (place ?? path).quotedLine(limit: 400)
    guard status.st_mode & S_IWOTH == 0 else {
      throw HookError(self, "everybody may write \(subject): chmod o-w \(remedy)")
    }
    guard status.st_mode & S_IWGRP == 0 else {
      throw HookError(self, "a group may write \(subject): chmod g-w \(remedy)")
    }
  }

  /// Returns the directories on the way to the file at an absolute path.
  private static func directories(of path: String) -> [String] {
    let parts = path.split(separator: "/").dropLast()
    return ["/"] + parts.indices.map { "/" + parts[...$0].joined(separator: "/") }
  }
}

/// The reason why a hook is refused, in a line.
struct HookError: Error, Equatable, CustomStringConvertible {
  let description: String

  init(_ hook: Hook, _ reason: String) {
    description = "hook \(hook.event.rawValue)=\(hook.path.quotedLine(limit: 400)): \(reason)"
  }
}
