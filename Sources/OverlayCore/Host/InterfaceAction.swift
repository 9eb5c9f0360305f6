/// An action in answer to changes that others made.
public enum InterfaceAction: Equatable, Sendable {
  /// Log this.
  case report(InterfaceNotice)
  /// Perform this and tell `InterfaceKeeper.finished` the result.
  case perform(InterfaceRepair)
  /// Stop the program with this line and a failure, which leaves the leak guard in place.
  case stop(InterfaceNotice)
}

/// A repair that needs a privilege, which the keeper has not.
public enum InterfaceRepair: Hashable, Sendable {
  /// Install the leak guards, if one is missing.
  case installLeakGuard
  /// Restore what the interface was set up with and has lost, and remove what it must not have.
  case restoreInterface
  /// Let the interface get all multicast of the bridge whose port it is.
  case becomeMulticastRouterPort
}

/// A line for the log about the interface or the leak guard.
public struct InterfaceNotice: Equatable, Sendable {
  /// The level of the line.
  public let level: LogLevel
  /// The line.
  public let text: String

  /// Makes a line of this level.
  public init(_ level: LogLevel, _ text: String) {
    self.level = level
    self.text = text
  }

  /// Returns the line that the interface of this name is gone, or is in another network namespace.
  public static func interfaceGone(_ name: String) -> InterfaceNotice {
    InterfaceNotice(.error, "interface \(name) was deleted or moved to another network namespace")
  }
}
