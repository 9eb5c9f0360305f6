@testable import OverlayIO

/// A file of the repository that these tests are part of, such as a manual page.
enum RepositoryFile {
  /// The text of the file at this path below the top.
  static func read(_ path: String) throws -> String {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    return String(decoding: try readFile("/\(root)/\(path)"), as: UTF8.self)
  }
}
