/// How much a line of the log matters; the raw values are syslog's severities (RFC 5424 section 6.2.1).
public enum LogLevel: Int, CaseIterable, Comparable, Sendable {
  /// The daemon cannot do its work.
  case error = 3
  /// Something needs the operator's eye.
  case warning = 4
  /// A thing that changed and that the operator wants to know of: the default.
  case notice = 5
  /// Normal work, without peers' names.
  case info = 6
  /// Everything, peers' names included.
  case debug = 7

  /// A level is greater the more it lets through.
  public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }

  /// The level's name as the command line takes it.
  public var name: String { "\(self)" }
}
