import Glibc
import OverlayCore

/// A file of `conf.d` with one line, which a command writes and another takes away. It begins with a comment that says
/// so: one that does not, or to which something was added, is somebody's, and is left alone.
struct WrittenFile {
  private static let mostBytes = 4_096

  private let name: String
  private let mark: String

  /// The file of this name, which begins with this comment.
  init(_ name: String, mark: String) { (self.name, self.mark) = (name, mark) }

  /// Its path, in the configuration in this directory.
  func path(in directory: String) -> String { "\(directory)/conf.d/\(name)" }

  /// Whether there is one, in the configuration in this directory.
  func exists(in directory: String) -> Bool { SystemCall.exists(path(in: directory)) }

  /// Writes the file with this line. Throws EEXIST if there is one already.
  func write(_ line: String, to directory: String) throws(SystemError) {
    try ConfigurationDirectory.make("\(directory)/conf.d")
    let folder = try OpenDirectory("\(directory)/conf.d")
    guard try folder.readIfThere(name, limit: WrittenFile.mostBytes) == nil else {
      throw SystemError(call: "write \(path(in: directory))", number: EEXIST)
    }
    try folder.replace(name, with: "\(mark)\n\(line)\n", for: .everybody)
  }

  /// Whether there is one that is ours.
  func isOurs(in directory: String) throws(SystemError) -> Bool {
    do throws(SystemError) {
      let folder = try OpenDirectory("\(directory)/conf.d")
      return try folder.readIfThere(name, limit: WrittenFile.mostBytes).map(isOurs) ?? false
    } catch {
      if error.number == ENOENT { return false }
      throw error
    }
  }

  /// Removes the file; whether there was one that is ours.
  func remove(from directory: String) throws(SystemError) -> Bool {
    do throws(SystemError) {
      let folder = try OpenDirectory("\(directory)/conf.d")
      guard let text = try folder.readIfThere(name, limit: WrittenFile.mostBytes), isOurs(text) else { return false }
      try folder.remove(name)
      return true
    } catch {
      if error.number == ENOENT { return false }
      throw error
    }
  }

  private func isOurs(_ text: [UInt8]) -> Bool {
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    return lines.count == 3 && lines[0].elementsEqual(mark.utf8) && lines[2].isEmpty
      && !lines[1].contains(UInt8(ascii: "#"))
  }
}
