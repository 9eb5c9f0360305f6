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

  // As many as the kernel follows.
  private static let mostLinks = 40

  /// Makes a hook.
  public init(_ event: HookEvent, _ path: String) {
    self.event = event
    self.path = path
  }

  /// Throws if the program cannot be run, or if somebody could replace it by another, or write it, who has fewer rights
  /// than the daemon: the program itself and all that leads to it are root's or the daemon's alone.
  func check() throws(HookError) {
    let found: stat
    let way: (passed: [(path: String, status: stat)], program: String)
    do throws(SystemError) {
      found = try SystemCall.status(at: path)
      guard found.st_mode & S_IFMT == S_IFREG else { throw SystemError(call: "run \(path)", number: EACCES) }
      try SystemCall.findProgram(path)
      way = try self.way()
    } catch {
      throw HookError(self, error.number == EACCES ? "it is no program that the daemon may run" : error.reason)
    }
    try check(found, at: way.program == path ? nil : way.program)
    // Who may write in a directory may put another program, or another link, in the place of this one.
    for (path, status) in way.passed { try check(status, at: path) }
  }

  /// Throws if somebody else may change what stands at `place`, which is `nil` for the program as it is named.
  private func check(_ status: stat, at place: String?) throws(HookError) {
    let subject = place.map { $0.quotedLine(limit: 400) } ?? "it"
    guard status.st_uid == 0 || status.st_uid == SystemCall.user else {
      throw HookError(self, "\(subject) belongs to neither root nor the user of the daemon")
    }
    // The mode of a link means nothing. In a directory with this bit, such as /tmp, nobody replaces what is another's.
    let kind = status.st_mode & S_IFMT
    if kind == S_IFLNK || kind == S_IFDIR && status.st_mode & S_ISVTX != 0 { return }
    let remedy = (place ?? path).quotedLine(limit: 400)
    guard status.st_mode & S_IWOTH == 0 else {
      throw HookError(self, "everybody may write \(subject): chmod o-w \(remedy)")
    }
    guard status.st_mode & S_IWGRP == 0 else {
      throw HookError(self, "a group may write \(subject): chmod g-w \(remedy)")
    }
  }

  /// The directories and links on the way to the program, each link followed step by step, as the kernel does: also one
  /// that leads to another link passes through a directory. And where the program is at the end of it.
  private func way() throws(SystemError) -> (passed: [(path: String, status: stat)], program: String) {
    var passed = [(path: "/", status: try SystemCall.status(at: "/"))]
    var rest = Array(path.split(separator: "/").reversed())
    var place = ""
    var links = 0
    while let part = rest.popLast() {
      if part == "." { continue }
      if part == ".." {
        place = String(place[..<(place.lastIndex(of: "/") ?? place.startIndex)])
        continue
      }
      let next = "\(place)/\(part)"
      guard let status = try SystemCall.look(at: next) else {
        throw SystemError(call: "stat \(next)", number: ENOENT)
      }
      if status.st_mode & S_IFMT == S_IFLNK {
        links += 1
        guard links <= Hook.mostLinks else { throw SystemError(call: "stat \(next)", number: ELOOP) }
        passed.append((next, status))
        let target = try SystemCall.target(of: next)
        if target.hasPrefix("/") { place = "" }
        rest += target.split(separator: "/").reversed()
      } else {
        place = next
        if !rest.isEmpty { passed.append((next, status)) }
      }
    }
    return (passed, place)
  }
}

/// The reason why a hook is refused, in a line.
struct HookError: Error, Equatable, CustomStringConvertible {
  let description: String

  /// An error whose line is known.
  init(described description: String) { self.description = description }

  init(_ hook: Hook, _ reason: String) {
    description = "hook \(hook.event.rawValue)=\(hook.path.quotedLine(limit: 400)): \(reason)"
  }
}
