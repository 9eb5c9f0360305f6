import Glibc
import OverlayIO

/// Standard output and standard error of a command that prints and ends.
enum Console {
  /// Makes writing safe whatever the caller left of the standard streams: a closed pipe is an error and no signal, and
  /// a missing descriptor becomes /dev/null, so that no socket gets its number and is written to by mistake.
  static func prepare() {
    signal(SIGPIPE, SIG_IGN)
    for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) == -1 {
      // The lowest free number is this one: those below it are open.
      _ = open("/dev/null", O_RDWR)
    }
  }

  /// Writes `text` to standard output; the exit status. A reader that has seen enough is no failure.
  static func print(_ text: String) -> Int32 {
    do {
      try write(text, to: STDOUT_FILENO)
      return 0
    } catch {
      if error.number == EPIPE { return 0 }
      complain("standard output: \(error)")
      return 1
    }
  }

  /// Writes one line to standard error, if anybody takes it.
  static func complain(_ line: String) {
    try? write("oncilla: \(line)\n", to: STDERR_FILENO)
  }

  private static func write(_ text: String, to descriptor: Int32) throws(SystemError) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = try SystemCall.perform("write") {
        rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      }
      rest = rest.dropFirst(count)
    }
  }
}
