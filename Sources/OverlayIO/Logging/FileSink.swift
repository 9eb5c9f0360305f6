import Glibc
import OverlayCore

/// Lines appended to a file of mode 0640, each with its time in UTC and its level.
final class FileSink: LogSink {
  private let path: String
  private var file: FileDescriptor
  private var isInsideLine = false

  /// Opens or creates the file.
  init(path: String) throws(SystemError) {
    self.path = path
    file = try FileSink.open(path)
  }

  /// Whether it is the file that standard error goes to, by whatever path.
  var isStandardError: Bool {
    guard let own = try? SystemCall.status(file.number), let other = try? SystemCall.status(STDERR_FILENO) else {
      return false
    }
    return own.st_dev == other.st_dev && own.st_ino == other.st_ino
  }

  /// Opens the path again: a new file, if the old one was moved away.
  public func reopen() throws(SystemError) {
    // A terminal or a pipe is not moved away, and its path means another one in another process.
    guard try SystemCall.status(file.number).st_mode & S_IFMT == S_IFREG else { return }
    file = try FileSink.open(path)
    isInsideLine = false
  }

  /// Appends one line. A disk that is full takes a part of it or nothing; the next line then starts on its own.
  public func write(_ level: LogLevel, _ line: String) -> Bool {
    let text = "\(isInsideLine ? "\n" : "")\(Timestamp.now) \(level.name) \(line)\n"
    let bytes = Array(text.utf8)
    guard let written = try? SystemCall.write(file.number, bytes[...]), written > 0 else { return false }
    isInsideLine = written < bytes.count
    return !isInsideLine
  }

  private static func open(_ path: String) throws(SystemError) -> FileDescriptor {
    // Non-blocking for the sake of a named pipe that nobody reads.
    let flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY
    // Root's log may be in a directory of somebody else's.
    guard SystemCall.broker != nil else { return try TrustedPath.open(path, flags, mode: 0o640) }
    return try SystemCall.open(path, flags, mode: 0o640)
  }
}
