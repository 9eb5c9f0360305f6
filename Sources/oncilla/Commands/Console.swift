import Glibc
import OverlayIO

/// Standard output and standard error of a command that prints and ends.
enum Console {
  /// Makes writing safe whatever the caller left of the standard streams: a closed pipe is an error and no signal, and
  /// a missing descriptor becomes /dev/null, so that no socket gets its number and is written to by mistake.
  static func prepare() {
    SystemCall.ignoreBrokenPipes()
    for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where !SystemCall.isOpen(descriptor) {
      // The lowest free number is this one: those below it are open.
      SystemCall.openNothing()
    }
  }

  /// The decoration of what goes to standard output: none but for a terminal, and none if the user wants none
  /// (no-color.org).
  static var style: Style {
    Style(isOn: SystemCall.isTerminal(STDOUT_FILENO) && hasColors && SystemCall.variable("TERM") != "dumb")
  }

  /// Whether the user has nothing against colors.
  static var hasColors: Bool { SystemCall.variable("NO_COLOR").map(\.isEmpty) ?? true }

  /// Whether somebody sits at a terminal and can press keys.
  static var isInteractive: Bool { SystemCall.isTerminal(STDIN_FILENO) && SystemCall.isTerminal(STDOUT_FILENO) }

  /// Writes `text` to standard output; the exit status. A reader that has seen enough is no failure.
  static func print(_ text: String) -> Int32 {
    do {
      try SystemCall.writeAll(STDOUT_FILENO, Array(text.utf8))
      return 0
    } catch {
      if error.number == EPIPE { return 0 }
      complain("standard output: \(error)")
      return 1
    }
  }

  /// Writes `text` to standard output, and returns whether somebody still reads.
  static func write(_ text: String) -> Bool {
    do {
      try SystemCall.writeAll(STDOUT_FILENO, Array(text.utf8))
      return true
    } catch {
      return false
    }
  }

  /// Asks the user, who has to agree. Throws if nobody is there to be asked `otherwise`, which `--yes` answers, too.
  static func ask(_ question: String, otherwise: String) throws(CommandError) {
    guard SystemCall.isTerminal(STDIN_FILENO) else {
      throw .failed("nobody is here to be asked \(otherwise): --yes says so")
    }
    guard confirms(question) else { throw .failed("nothing was changed") }
  }

  /// Asks the user, and returns whether he agrees. Nobody does where nobody is there.
  static func confirms(_ question: String) -> Bool {
    guard SystemCall.isTerminal(STDIN_FILENO) else { return false }
    _ = print("\(question) [y/N] ")
    return readLine().map { ["y", "yes"].contains($0.lowercased()) } ?? false
  }

  /// Writes one line to standard error, if anybody takes it.
  static func complain(_ line: String) {
    try? SystemCall.writeAll(STDERR_FILENO, Array("oncilla: \(line)\n".utf8))
  }
}
