import Glibc
import OverlayCore

/// Lines on a descriptor that somebody reads: a terminal, a pipe, or the journal.
///
/// For the journal a line begins with its priority (sd-daemon(3)) and has no time, since the journal stamps it.
final class StandardErrorSink: LogSink {
  private let descriptor: Int32
  private let isJournal: Bool
  // Somebody may have started the program without one, or with one that is for reading alone.
  private let isWritable: Bool

  /// A sink on file descriptor 2, which must stay open.
  convenience init() {
    self.init(descriptor: STDERR_FILENO, journalStream: SystemCall.variable("JOURNAL_STREAM"))
  }

  /// A sink on `descriptor`, owned by the caller. `journalStream` is the device and inode of the stream that the
  /// journal reads, as systemd.exec(5) describes.
  init(descriptor: Int32, journalStream: String?) {
    self.descriptor = descriptor
    isWritable = SystemCall.isWritable(descriptor)
    let status = isWritable ? try? SystemCall.status(descriptor) : nil
    isJournal = journalStream != nil && journalStream == status.map { "\($0.st_dev):\($0.st_ino)" }
  }

  /// Writes one line if the reader has room for it now.
  public func write(_ level: LogLevel, _ line: String) -> Bool {
    guard isWritable else { return false }
    let text = StandardErrorSink.text(level, line, isJournal: isJournal)
    // The descriptor is shared with other programs, so it cannot be made non-blocking: ask first. A pipe or
    // terminal that is ready has room for a page, which is more than a line.
    guard let events = try? SystemCall.poll(descriptor, POLLOUT), events == POLLOUT else { return false }
    let bytes = Array(text.utf8)
    let written = try? SystemCall.write(descriptor, bytes[...])
    return written == bytes.count
  }

  static func text(_ level: LogLevel, _ line: String, isJournal: Bool) -> String {
    if isJournal { return "<\(level.rawValue)>\(line)\n" }
    return switch level {
    case .error, .warning: "oncilla: \(level.name): \(line)\n"
    case .notice, .info, .debug: "oncilla: \(line)\n"
    }
  }
}
