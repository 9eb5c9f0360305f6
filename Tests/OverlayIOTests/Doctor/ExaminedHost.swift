import OverlayCore
import SystemProbes

@testable import OverlayIO

/// A host that a test sets up: files of its own in place of the system's, and a configuration. `ROOT` in a text stands
/// for the directory in which they are.
final class ExaminedHost {
  static let name = "7fd22jhmqgfl45j6.onion"
  static let other = "wq52ql3uxgcxqjon.onion"

  let directory: TemporaryDirectory

  /// A host with these files, each with the path that it has on a system. The configuration lets the daemon have no
  /// control socket but one that nobody has.
  init(_ configuration: String = "onion = \(ExaminedHost.name)", _ files: [String: String] = [:]) throws {
    directory = try TemporaryDirectory()
    try put("/oncilla.conf", "\(configuration)\ncontrol = ROOT/control.sock\n")
    for (path, text) in files { try put(path, text) }
  }

  /// Writes a file, and makes the directories that it is in. A path that ends in a slash is a directory.
  func put(_ path: String, _ text: String = "") throws {
    var made = directory.path
    let parts = path.split(separator: "/").map(String.init)
    for part in path.hasSuffix("/") ? parts[...] : parts.dropLast() {
      made += "/\(part)"
      try SystemCall.makeDirectory(made, mode: 0o700)
    }
    guard !path.hasSuffix("/") else { return }
    var rest = text[...]
    var whole = ""
    while let letter = rest.first {
      if rest.hasPrefix("ROOT") {
        whole += directory.path
        rest = rest.dropFirst(4)
      } else {
        whole.append(letter)
        rest = rest.dropFirst()
      }
    }
    try directory.write(String(path.dropFirst()), whole)
  }

  /// What the checks know of it.
  var examination: Examination {
    Examination(
      ConfigurationSource(.standard, file: directory.file("oncilla.conf")), DoctorPaths(below: directory.path))
  }

  /// The line of a check, behind its finding in a word.
  func line(_ subject: Check.Subject) -> String {
    let check = examination.check(subject)
    return "\(check.word) \(check.line)"
  }
}
