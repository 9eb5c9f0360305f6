import Glibc
import OverlayCore

/// Where the daemon keeps what it must remember from one run to the next: one small file a matter, each replaced as a
/// whole. The directory is made, for the owner alone, when something is first written, and opened for each file that is
/// read or written: what belongs to one file is done in one directory. What cannot be kept is told in the log, and the
/// daemon goes on without it.
final class StateDirectory {
  /// The names of all of its files.
  static let files = ["mac", "leases", "names"]

  /// Where it is; `nil` if nothing is ever kept.
  let path: String?
  private let log: Log

  /// The directory at this path, which need not exist; its parent must. Without a path nothing is kept.
  init(_ path: String?, log: Log) {
    self.path = path
    self.log = log
  }

  /// The daemon's own MAC address on the TAP side, from the file `mac`; one that is missing or unreadable is made at
  /// random and kept. Hosts of the LAN remember it, so that it had better stay the same.
  func macAddress() -> MACAddress {
    if let path, let text = read("mac", limit: 256) {
      if let address = MACAddress(text), !address.isGroup, address.value != 0 { return address }
      log.warning("\(path)/mac does not hold one host's MAC address: a new one is made")
    }
    var generator = SystemRandomNumberGenerator()
    let address = MACAddress.random(using: &generator)
    guard let path else { return address }
    do throws(SystemError) {
      try KeptFile("mac", in: path).replace(with: Array("\(address)\n".utf8))
    } catch {
      log.warning("\(path)/mac cannot be written, and is forgotten when the daemon ends: \(error)")
    }
    return address
  }

  /// The text of the file `leases`; empty if there is none.
  func leases() -> String { read("leases", limit: 1 << 20) ?? "" }

  /// What keeps the file `leases` from now on; `nil` if nothing is kept.
  func leaseWriter(on loop: EventLoop) throws(SystemError) -> StateWriter? {
    guard let path else { return nil }
    return try writer("leases", in: path, on: loop)
  }

  /// The content of the file `names`; empty if there is none.
  func names() -> [UInt8] { content("names", limit: NameFile.mostBytes) ?? [] }

  /// What keeps the file `names` from now on; `nil` if nothing is kept.
  func nameWriter(on loop: EventLoop) throws(SystemError) -> StateWriter? {
    guard let path else { return nil }
    return try writer("names", in: path, on: loop)
  }

  /// Removes the file `names`, and what a write of it may have left behind. Nearly every daemon has none.
  func removeNames() {
    guard let path else { return }
    do throws(SystemError) {
      try KeptFile("names", in: path).remove()
      log.notice("\(path)/names is removed: names are not remembered")
    } catch {
      if error.number != ENOENT { log.warning("the names that were remembered cannot be removed: \(error)") }
    }
  }

  private func writer(_ name: String, in path: String, on loop: EventLoop) throws(SystemError) -> StateWriter {
    try StateWriter("\(path)/\(name)", on: loop, log: log) { text in
      do throws(SystemError) {
        try KeptFile(name, in: path).replace(with: Array(text.utf8))
        return nil
      } catch {
        return error
      }
    }
  }

  /// A file's text without blanks at its ends; `nil` if it is missing or unreadable.
  private func read(_ name: String, limit: Int) -> String? {
    guard let bytes = content(name, limit: limit) else { return nil }
    let blanks = Set(" \t\r\n".utf8)
    let start = bytes.drop { blanks.contains($0) }
    let end = start.lastIndex { !blanks.contains($0) }.map { $0 + 1 } ?? start.startIndex
    return String(decoding: start[..<end], as: UTF8.self)
  }

  private func content(_ name: String, limit: Int) -> [UInt8]? {
    guard let path else { return nil }
    do throws(SystemError) {
      return try KeptFile(name, in: path).read(limit: limit)
    } catch {
      if error.number != ENOENT { log.warning("what was kept in \(path)/\(name) cannot be read: \(error)") }
      return nil
    }
  }

  /// Why nothing can be kept in the directory at this path, which is made where it is missing; `nil` if something can.
  static func obstacle(at path: String) -> SystemError? {
    do throws(SystemError) {
      try SystemCall.requireAccess(path, W_OK | X_OK)
      return nil
    } catch {
      guard error.number == ENOENT else { return error }
    }
    do throws(SystemError) {
      try SystemCall.requireAccess(parent(of: path), W_OK | X_OK)
      return nil
    } catch {
      return error
    }
  }

  /// The name of the file at `path` in the directory that it is in.
  static func name(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }

  /// The directory that the file at `path` is in.
  static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
