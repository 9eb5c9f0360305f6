import OverlayIO

/// One of the things that the program does.
struct Command: Sendable {
  /// What a command line amounts to.
  enum Outcome {
    /// A text for standard output.
    case output(String)
    /// As the text, with this exit status, which tells whether all is well.
    case verdict(String, status: Int32)
    /// The daemon is to run with this configuration, which can be read again, and by its helper with these arguments.
    case daemon(Configuration, from: ConfigurationSource, helper: [String])
  }

  /// The word that calls it.
  let name: String
  /// What follows the word, for the usage line.
  let usage: String
  /// What it does, in a few words.
  let summary: String
  /// What else is to be known, in paragraphs.
  let details: [String]
  /// The rows of its options, below `details`.
  let optionRows: [OptionRow]
  /// Reads its arguments and does the work for the instance that the command line means; `nil` if they ask for help.
  let perform: @Sendable (Instance, [String]) throws(CommandError) -> Outcome?

  /// All of them, in the order of the help text.
  static var all: [Command] {
    [
      status, setup, invite, join, revoke, peers, peer, names, resolve, forget, ping, routes, neighbours, monitor, wait,
      reload, metrics, top, run, checkConfiguration, doctor, leakGuard, exec, identity, address, name, exportHosts,
      lookupKey, migrate,
      bugReport, completion, version, help,
    ]
  }

  /// The text of `oncilla COMMAND --help`.
  var helpText: String {
    var text = HelpText.paragraph("Usage: oncilla \(name)\(usage.isEmpty ? "" : " " + usage)")
    for detail in details { text += "\n" + HelpText.paragraph(detail) }
    if !optionRows.isEmpty { text += "\nOptions:\n" + optionRows.map(\.text).joined() }
    return text
  }

  /// What the whole command line, without the program's name, amounts to.
  static func interpret(_ arguments: [String]) throws(CommandError) -> Outcome {
    var rest = arguments[...]
    let instance = try GlobalOptions.takeInstance(from: &rest)
    let first = rest.popFirst() ?? status.name
    switch first {
    case "--help", "-h": return .output(overview)
    case "--version": return .output(Command.versionLine)
    case _ where first.hasPrefix("-"):
      throw .unknownOption(
        first, command: "oncilla", suggestion: Suggestion.nearest(to: first, among: GlobalOptions.names))
    default:
      let command = try named(first)
      do throws(CommandError) {
        return try command.perform(instance, Array(rest)) ?? .output(command.helpText)
      } catch {
        throw error.helped(for: instance, command.name, isRoot: SystemCall.user == 0)
      }
    }
  }

  /// The command of this name.
  static func named(_ name: String) throws(CommandError) -> Command {
    guard let command = all.first(where: { $0.name == name }) else {
      throw .unknownCommand(name, suggestion: Suggestion.nearest(to: name, among: all.map(\.name)))
    }
    return command
  }
}
