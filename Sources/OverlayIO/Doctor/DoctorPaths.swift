/// The files of the system that the checks read. Tests put a directory of their own before all of them.
public struct DoctorPaths: Sendable {
  private let root: String

  /// The files of this system.
  public init() { root = "" }

  /// Those below `root`.
  init(below root: String) { self.root = root }

  /// Where the file is that the system has at `path`.
  func callAsFunction(_ path: String) -> String { root + path }

  /// Whether something stands at `path`, as far as this user can see.
  func has(_ path: String) -> Bool { SystemCall.exists(self(path)) }

  /// The content of the file; `nil` if it is not there, cannot be read, or has more than `limit` bytes.
  func read(_ path: String, limit: Int = 1 << 20) -> String? {
    (try? readFile(self(path), limit: limit)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The first line of the file, without blanks at its ends.
  func line(_ path: String) -> String? {
    read(path, limit: 4096)?.split(whereSeparator: \.isNewline).first.map { $0.withoutBlanks }
  }

  /// The names in the directory, sorted by their bytes; none if it cannot be read.
  func names(in path: String) -> [String] {
    ((try? SystemCall.names(in: self(path), limit: 65_536)) ?? [])
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}

extension StringProtocol {
  /// The text without blanks at its ends.
  var withoutBlanks: String {
    let start = drop { $0 == " " || $0 == "\t" || $0 == "\r" }
    let end = start.lastIndex { $0 != " " && $0 != "\t" && $0 != "\r" }
    return end.map { String(start[...$0]) } ?? ""
  }
}
