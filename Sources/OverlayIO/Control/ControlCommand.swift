/// A command of the control socket. Everything that is to be known of it stands in the table `ControlCommand.all`:
/// requests are checked against it, and a test compares oncilla-control(7) with it.
public struct ControlCommand: Sendable {
  /// What a value has to be.
  public enum Kind: Equatable, Sendable {
    /// A text.
    case string
    /// A whole number of this range.
    case integer(ClosedRange<Int64>)
    /// True or false.
    case boolean
  }

  /// A value that a request has beside the command.
  public struct Argument: Sendable {
    /// The name of the member.
    public let name: String
    /// What its value has to be.
    public let kind: Kind
    /// Whether it has to be there.
    public let isRequired: Bool
  }

  /// The name.
  public let name: String
  /// The values that a request may have.
  public let arguments: [Argument]
  /// Whether it changes something.
  public let isChange: Bool
  /// What it does and answers, in a sentence.
  public let text: String

  /// The name and the arguments as the manual shows them, those in brackets that need not be given.
  public var synopsis: String {
    ([name] + arguments.map { $0.isRequired ? $0.name : "[\($0.name)]" }).joined(separator: " ")
  }

  /// Returns the command of this name; `nil` if there is none.
  static func named(_ name: String) -> ControlCommand? { all.first { $0.name == name } }
}

extension ControlCommand {
  /// Every command, in the order of the manual.
  public static let all: [ControlCommand] = [
    ask("status", "The daemon, its identities with their peers and counters, the link and the address service.")
  ]

  private static func ask(_ name: String, _ text: String, _ arguments: Argument...) -> ControlCommand {
    ControlCommand(name: name, arguments: arguments, isChange: false, text: text)
  }

  private static func change(_ name: String, _ text: String, _ arguments: Argument...) -> ControlCommand {
    ControlCommand(name: name, arguments: arguments, isChange: true, text: text)
  }
}
