import OverlayIO

/// Why a command did not do what it was asked: one line for the operator, and the exit status that goes with it.
enum CommandError: Error, Equatable, CustomStringConvertible {
  /// There is no command of this name.
  case unknownCommand(String, suggestion: String?)
  /// `command` has no option of this name.
  case unknownOption(String, command: String, suggestion: String?)
  /// The option stands without the value that it takes.
  case missingValue(option: String, placeholder: String)
  /// The option takes no value and was given one.
  case unexpectedValue(option: String)
  /// The option, which stands for one value, was given again.
  case repeated(option: String)
  /// The option is one of the program, and stands behind the command.
  case misplaced(option: String)
  /// What the options say is refused.
  case setting(SettingError)
  /// `command` takes no argument such as this.
  case unexpectedArgument(String, command: String)
  /// `command` is missing what it needs.
  case incomplete(command: String, needs: String)
  /// An argument and an option cannot be used together.
  case conflict(String, String)
  /// An argument of a command is refused, for this reason.
  case argument(String, reason: String)
  /// The command line is right and the work failed, after so much was to be printed.
  case failed(String, after: String = "")
  /// This user lacks a right. What helps: the command that has it, where another user can.
  case denied(String, remedy: String = "")
  /// The daemon could not be asked, or refused: the exit status, and why.
  case daemon(Int32, String)

  /// The process's exit status: 2 for a wrong command line, 5 for a wrong configuration, 4 for one that this user may
  /// not read, 1 for anything else.
  var exitStatus: Int32 {
    switch self {
    case .failed: 1
    case .denied: 4
    case .setting(.unreadable(let error)) where error.isDenied: 4
    case .setting(let error) where error.isOfConfiguration: 5
    case .daemon(let status, _): status
    default: 2
    }
  }

  /// What the command has to say before the line, on standard output.
  var output: String {
    if case .failed(_, let output) = self { output } else { "" }
  }

  /// The line, without the program's name.
  var description: String {
    switch self {
    case .unknownCommand(let name, let suggestion):
      "unknown command '\(name.quotedLine())'\(hint(suggestion)); 'oncilla --help' lists the commands"
    case .unknownOption(let name, let command, let suggestion):
      "unknown option \(name.quotedLine())\(hint(suggestion)); '\(command) --help' lists what is accepted"
    case .missingValue(let option, let placeholder): "\(option) needs a value: \(option) \(placeholder)"
    case .unexpectedValue(let option): "\(option) takes no value"
    case .repeated(let option): "\(option) is given twice and accepted once"
    case .misplaced(let option): "\(option) stands before the command: oncilla \(option) INSTANCE COMMAND"
    case .setting(let error): error.description
    case .unexpectedArgument(let argument, let command):
      "unexpected argument '\(argument.quotedLine())'; '\(command) --help' tells what is accepted"
    case .incomplete(let command, let needs): "\(command) needs \(needs)"
    case .conflict(let first, let second): "\(first) and \(second) exclude each other: one of them is accepted"
    case .argument(let argument, let reason): "'\(argument.quotedLine())': \(reason.quotedLine(limit: 400))"
    case .denied(let text, let remedy): (text + (remedy.isEmpty ? "" : ": \(remedy)")).quotedLine(limit: 1000)
    case .failed(let text, _), .daemon(_, let text): text.quotedLine(limit: 1000)
    }
  }

  private func hint(_ suggestion: String?) -> String {
    suggestion.map { " (did you mean \($0)?)" } ?? ""
  }
}

extension CommandError {
  /// The work failed for this reason, which may be that this user lacks a right.
  init(_ error: some PermissionError) {
    self = error.isDenied ? .denied("\(error)") : .failed("\(error)")
  }

  /// The same error, whose advice is for this instance; where a right is missing, with the command line that has it.
  func helped(for instance: Instance, _ command: String, isRoot: Bool) -> CommandError {
    let remedy = isRoot ? "" : "sudo \(instance.program) \(command) …"
    switch self {
    case .denied(let text, ""): return .denied(instance.advised(text), remedy: remedy)
    case .denied(let text, let remedy): return .denied(instance.advised(text), remedy: instance.advised(remedy))
    case .setting(let error) where exitStatus == 4 && !isRoot: return .denied("\(error)", remedy: remedy)
    case .argument(let argument, let reason): return .argument(argument, reason: instance.advised(reason))
    case .failed(let text, let output): return .failed(instance.advised(text), after: output)
    case .daemon(let status, let text): return .daemon(status, instance.advised(text))
    default: return self
    }
  }
}
