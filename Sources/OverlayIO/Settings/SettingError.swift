/// Where a value was written. Its text is how errors name the setting to whoever wrote it.
public enum Origin: Hashable, Sendable, CustomStringConvertible {
  /// The table of settings, which has a default for the setting of this name.
  case table(String)
  /// An option of the command line, with its hyphens: `--mtu`.
  case option(String)

  /// The setting and, unless its own name tells, the place: `--mtu`.
  public var description: String {
    switch self {
    case .table(let name): "the default of \(name)"
    case .option(let option): option
    }
  }
}

/// A value as it was written, and where that was.
public struct GivenValue: Hashable, Sendable {
  /// What was written; empty for a setting that takes no value.
  public let text: String
  /// Where it was written.
  public let origin: Origin

  /// What was written there.
  public init(_ text: String, from origin: Origin) {
    self.text = text
    self.origin = origin
  }
}

extension GivenValue {
  /// Does `body` for this value. A refusal becomes an error that names the value and its origin.
  public func reading<Result>(
    _ body: () throws(SettingValue.Refusal) -> Result
  ) throws(SettingError) -> Result {
    do throws(SettingValue.Refusal) {
      return try body()
    } catch {
      throw .refused(self, reason: error.reason)
    }
  }
}

/// What is wrong with the settings: one line for the operator.
public enum SettingError: Error, Hashable, CustomStringConvertible {
  /// The value is refused, for this reason.
  case refused(GivenValue, reason: String)
  /// What was given there works only beside this other setting.
  case incomplete(Origin, needs: String)
  /// What was given at these two places cannot be used together.
  case conflict(Origin, Origin)
  /// Nothing tells who this host is.
  case nameless
  /// This instance has no place of its own unless it is given one.
  case unplaced(instance: String, needs: String)

  /// The line, without the program's name. What a user wrote is shortened and has its control characters escaped.
  public var description: String {
    switch self {
    case .refused(let value, let reason):
      "\(value.origin) '\(value.text.quotedLine())': \(reason.quotedLine(limit: 400))"
    case .incomplete(let origin, let needs): "\(origin) needs \(needs)"
    case .conflict(let first, let second): "\(first) and \(second) exclude each other: one of them is accepted"
    case .unplaced(let instance, let needs): "instance \(instance) needs \(needs)"
    case .nameless: "run needs --onion NAME or --hostname-file FILE"
    }
  }
}
