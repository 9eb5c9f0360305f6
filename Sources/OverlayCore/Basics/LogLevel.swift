/// The importance of a line of the log. The raw values are the severities of syslog (RFC 5424 section 6.2.1).
public enum LogLevel: Int, CaseIterable, Comparable, Sendable {
  /// The daemon cannot do its work.
  case error = 3
  /// The operator should look at something.
  case warning = 4
  /// Something has changed that the operator wants to know. This is the default.
  case notice = 5
  /// Normal work, without peers' names.
  case info = 6
  /// Every detail, peers' names included.
  case debug = 7

  /// A greater level lets more lines through.
  public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }

  /// The level's name as the command line takes it.
  public var name: String { "\(self)" }
}
