import Glibc

@testable import OverlayIO

/// A directory of one test's own, removed with everything in it.
package final class TemporaryDirectory {
  package let path: String

  package init() throws {
    var template = Array("/tmp/oncilla-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError(call: "mkdtemp", number: errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The path of `name` in it.
  package func file(_ name: String) -> String { path + "/" + name }

  /// Writes a file, in place if it is there.
  package func write(_ name: String, _ text: String) throws {
    let file = try FileDescriptor("open \(name)") { open(self.file(name), O_WRONLY | O_CREAT | O_TRUNC, 0o600) }
    let number = file.number
    try SystemCall.perform("write") { Glibc.write(number, text, text.utf8.count) }
  }

  /// What stands in a file.
  package func read(_ name: String) throws -> String { String(decoding: try readFile(file(name)), as: UTF8.self) }

  deinit { TemporaryDirectory.erase(path) }

  private static func erase(_ path: String) {
    guard let stream = opendir(path) else { return }
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name == "." || name == ".." { continue }
      if unlink(path + "/" + name) != 0 { erase(path + "/" + name) }
    }
    closedir(stream)
    rmdir(path)
  }
}
