import OverlayCore

/// What is to be done about changes that others made.
public enum InterfaceAction: Equatable, Sendable {
  /// Log this.
  case report(InterfaceNotice)
  /// Perform this and tell `InterfaceKeeper.finished` what came of it.
  case perform(PrivilegedRequest)
  /// Stop the program with this line and a failure, which leaves the leak guard in place.
  case stop(InterfaceNotice)
}

/// A line for the log about the interface or the leak guard.
public struct InterfaceNotice: Equatable, Sendable {
  /// How much it matters.
  public let level: LogLevel
  /// The line.
  public let text: String

  /// A line of this weight.
  public init(_ level: LogLevel, _ text: String) {
    self.level = level
    self.text = text
  }
}
