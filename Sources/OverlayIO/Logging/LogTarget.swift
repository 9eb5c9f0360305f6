/// Where the log goes.
public enum LogTarget: Hashable, Sendable {
  /// File descriptor 2, with the journal's priorities when the journal reads it.
  case standardError
  /// syslog(3), facility daemon.
  case syslog
  /// A file of this path, which is appended to.
  case file(String)
}
