/// What is to be done about changes that others made.
public enum InterfaceAction: Equatable, Sendable {
  /// Log this.
  case report(InterfaceNotice)
  /// Perform this and tell `InterfaceKeeper.finished` what came of it.
  case perform(InterfaceRepair)
  /// Stop the program with this line and a failure, which leaves the leak guard in place.
  case stop(InterfaceNotice)
}

/// What is put right, or asked for, with a right that the keeper has not.
public enum InterfaceRepair: Hashable, Sendable {
  /// Let the leak guards stand, where one is missing.
  case installLeakGuard
  /// Give the interface back what it was set up with and lost, and take from it what it is not to have.
  case restoreInterface
  /// Let the interface get all multicast of the bridge whose port it is.
  case becomeMulticastRouterPort
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

  /// The interface of this name is no more, or lies in another network namespace.
  public static func interfaceGone(_ name: String) -> InterfaceNotice {
    InterfaceNotice(.error, "interface \(name) was deleted or moved to another network namespace")
  }
}
