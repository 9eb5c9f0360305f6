/// Where a value was written. Its text is how errors name the setting to whoever wrote it.
public enum Origin: Hashable, Sendable, CustomStringConvertible {
  /// The table of settings, which has a default for the setting of this name.
  case table(String)
  /// An option of the command line, with its hyphens: `--mtu`.
  case option(String)
  /// A line of a configuration file, and its key.
  case file(String, line: Int, key: String)

  /// The setting and, unless its own name tells, the place: `--mtu`.
  public var description: String {
    switch self {
    case .table(let name): "the default of \(name)"
    case .option(let option): option
    case .file(let path, let line, let key): "\(path.quotedLine(limit: 400)):\(line): \(key)"
    }
  }

  /// The place alone: `FILE:LINE`, or the option.
  public var place: String {
    switch self {
    case .table: "default"
    case .option(let option): option
    case .file(let path, let line, _): "\(path.quotedLine(limit: 400)):\(line)"
    }
  }

  /// Whether what was written there is a secret, which no message may repeat.
  var isSecret: Bool {
    switch self {
    case .option(let option): option == "--peer-key"
    case .file(_, _, let key): key == "peer-key" || key == "key"
    case .table: false
    }
  }

  /// Whether it is a line of a file.
  public var isFile: Bool { if case .file = self { true } else { false } }
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
  /// What takes one value was given at these two places of one source, the later one first.
  case repeated(Origin, Origin)
  /// Nothing tells who this host is.
  case nameless
  /// Nothing tells who this host is, nor does this configuration file, which could, for a daemon of this instance.
  case unnamed(file: String, Instance)
  /// A file is not written as a configuration file is.
  case malformed(Line, reason: String)
  /// A file or directory cannot be read.
  case unreadable(SystemError)
  /// This instance has no place of its own unless it is given one.
  case unplaced(instance: String, needs: String)

  /// The line, without the program's name. What a user wrote is shortened and has its control characters escaped.
  public var description: String {
    switch self {
    case .refused(let value, let reason):
      "\(value.origin)\(value.origin.isSecret ? "" : " '\(value.text.quotedLine())'"): "
        + (value.origin.isFile ? SettingError.inFile(reason) : reason).quotedLine(limit: 400)
    case .incomplete(let origin, let needs): "\(origin) needs \(origin.isFile ? SettingError.inFile(needs) : needs)"
    case .conflict(let first, let second): "\(first) and \(second) exclude each other: one of them is accepted"
    case .repeated(.option(let option), _): "\(option) is given twice and accepted once"
    case .repeated(let later, let earlier):
      "\(later) is accepted once in a file, and stands at \(earlier.place) already"
    case .unnamed(let file, let instance):
      "nothing tells who this host is: --onion NAME, --hostname-file FILE or --publish tor is needed, or a line "
        + "'onion = NAME', 'hostname-file = FILE' or 'publish = tor' in \(file.quotedLine(limit: 400)); "
        + "'\(instance.program) setup' does all that"
    case .malformed(let line, let reason): "\(line): \(reason.quotedLine(limit: 400))"
    case .unreadable(let error): "\(error)"
    case .unplaced(let instance, let needs): "instance \(instance) needs \(needs)"
    case .nameless: "run needs --onion NAME, --hostname-file FILE or --publish tor"
    }
  }
}

extension SettingError {
  /// A line of a file.
  public struct Line: Hashable, Sendable, CustomStringConvertible {
    /// The file.
    public let path: String
    /// The number of the line, from 1 on; `nil` for the whole.
    public let number: Int?

    /// `FILE:LINE`.
    public var description: String { path.quotedLine(limit: 400) + (number.map { ":\($0)" } ?? "") }

    static func line(_ path: String, _ number: Int?) -> Line { Line(path: path, number: number) }
  }

  /// Whether it is the configuration that is wrong, or missing, and not the command line.
  public var isOfConfiguration: Bool {
    switch self {
    case .refused(let value, _): value.origin.isFile
    case .incomplete(let origin, _): origin.isFile
    case .conflict(let first, let second), .repeated(let first, let second): first.isFile || second.isFile
    case .unplaced, .unnamed, .malformed, .unreadable: true
    case .nameless: false
    }
  }

  /// A text that names settings by their options, with their keys in place of those.
  private static func inFile(_ text: String) -> String {
    text.split(separator: " ", omittingEmptySubsequences: false)
      .map { $0.hasPrefix("--") ? $0.dropFirst(2) : $0 }.joined(separator: " ")
  }
}
