import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla status`, and `oncilla` alone.
  static let status = Command(
    name: "status",
    usage: "[OPTION]...",
    summary: "show the daemon and its peers; 'oncilla' alone does it, too",
    details: [
      """
      The first line tells whether the daemon is ready, or what it waits for. A line for each peer follows: its state, \
      how long the last answers took, bytes a second from it and to it, what was received and sent in all, the \
      circuits to it and from it, why it was last lost or not reached, and when it is tried again.
      """
    ],
    optionRows: ReadingOptions.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      guard let options = try ReadingOptions.parse(arguments, "status") else { return nil }
      let result = try DaemonConnection(instance, options.control).ask("status")
      if options.isJSON { return .output(result.line) }
      return .output(StatusText(result).text(Console.style))
    })
}

extension ReadingOptions {
  /// Reads the options of a command that has no other arguments; `nil` if they ask for help.
  static func parse(_ arguments: [String], _ command: String) throws(CommandError) -> ReadingOptions? {
    try OptionParser(command: "oncilla " + command, options: options).parseOptions(arguments, into: ReadingOptions())
  }
}
