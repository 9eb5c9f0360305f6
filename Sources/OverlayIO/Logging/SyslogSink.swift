import Glibc
import OverlayCore

/// Lines for syslog(3), facility daemon, with the process identifier.
final class SyslogSink: LogSink {
  // openlog(3) keeps the pointer until closelog(3).
  private let program = strdup("oncilla")

  /// Opens the connection now, while the system's socket can still be reached.
  init() { openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON) }

  /// Hands the line over. syslog(3) tells nobody of a failure.
  public func write(_ level: LogLevel, _ line: String) -> Bool {
    line.withCString { text in
      withVaList([text]) { vsyslog(Int32(level.rawValue), "%s", $0) }
    }
    return true
  }

  deinit {
    closelog()
    free(program)
  }
}
