import OverlayCore

/// What takes the lines of a log. None may fail loudly, and none may wait for a slow reader.
protocol LogSink: AnyObject {
  /// Writes one line, which holds no control character. False if the line is lost.
  func write(_ level: LogLevel, _ line: String) -> Bool

  /// Starts afresh where the line's place may have moved; on an error the old place stays in use.
  func reopen() throws(SystemError)
}

extension LogSink {
  /// Nothing moves but files.
  public func reopen() throws(SystemError) {}
}
