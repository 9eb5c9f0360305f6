import OverlayCore

/// The daemon's log: one line for each thing that changed. Of one thread.
///
/// Lines are at most `longestLine` bytes. A line that its sink cannot take at once is dropped, never waited for; how
/// many were is told in a line of its own as soon as one gets through, and stands in `lost`.
///
/// Errors go to standard error as well, wherever the log goes: whoever starts the daemon by hand sees why it does not
/// run.
public final class Log {
  /// The least important level that is written.
  var level: LogLevel
  /// How many lines the sink did not take and nobody was told of yet.
  private(set) var lost = 0

  /// How many bytes of a message are written: what a syslog receiver should be able to take (RFC 5424 section 6.1).
  public static let longestLine = 2048

  private let advised: (String) -> String
  private var sink: any LogSink
  private var errorSink: (any LogSink)?

  /// A log that hands its lines to `sink`, and those of errors to `errorSink`, too. `advised` makes the commands that a
  /// line advises those of the daemon's instance.
  init(
    level: LogLevel, advised: @escaping (String) -> String = { $0 }, sink: any LogSink,
    errorSink: (any LogSink)? = nil
  ) {
    self.level = level
    self.advised = advised
    self.sink = sink
    self.errorSink = errorSink
  }

  /// A log to `target`; an error if its file cannot be opened. `advised` makes the commands that a line advises those
  /// of the daemon's instance.
  public convenience init(
    level: LogLevel, advised: @escaping (String) -> String = { $0 }, target: LogTarget
  ) throws(SystemError) {
    let (sink, errorSink) = try Log.sinks(for: target)
    self.init(level: level, advised: advised, sink: sink, errorSink: errorSink)
  }

  /// Where lines, and those of errors too, go; an error if a file cannot be opened, or the system's log takes no
  /// datagrams.
  static func sinks(for target: LogTarget) throws(SystemError) -> (any LogSink, (any LogSink)?) {
    switch target {
    case .standardError: return (StandardErrorSink(), nil)
    case .syslog: return (try SyslogSink(), StandardErrorSink())
    case .file(let path):
      let file = try FileSink(path: path)
      return (file, file.isStandardError ? nil : StandardErrorSink())
    }
  }

  /// Lets lines go there from now on.
  func use(_ sinks: (any LogSink, (any LogSink)?)) { (sink, errorSink) = sinks }

  /// Writes `message`, which is not even made where `level` is not written.
  func write(_ level: LogLevel, _ message: @autoclosure () -> String) {
    guard level <= self.level else { return }
    if lost > 0, sink.write(.warning, "\(lost) line\(lost == 1 ? "" : "s") of the log could not be written") {
      lost = 0
    }
    let line = advised(message()).cut(toBytes: Log.longestLine).singleLine.cut(toBytes: Log.longestLine)
    if !sink.write(level, line) { lost += 1 }
    if level == .error { _ = errorSink?.write(level, line) }
  }

  /// The daemon cannot do its work.
  func error(_ message: @autoclosure () -> String) { write(.error, message()) }
  /// Something needs the operator's eye.
  public func warning(_ message: @autoclosure () -> String) { write(.warning, message()) }
  /// A thing that changed.
  public func notice(_ message: @autoclosure () -> String) { write(.notice, message()) }
  /// Normal work, without peers' names.
  public func info(_ message: @autoclosure () -> String) { write(.info, message()) }
  /// Everything.
  func debug(_ message: @autoclosure () -> String) { write(.debug, message()) }

  /// Opens a log file again, after logrotate moved it (SIGHUP). If that fails, the old file stays in use and its
  /// next line says so.
  public func reopen() {
    do {
      try sink.reopen()
    } catch {
      warning("the log could not be opened again and goes on where it was: \(error)")
    }
  }
}
