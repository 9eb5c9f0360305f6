import OverlayIO

extension Command {
  /// `oncilla reload`: as SIGHUP, with the result.
  static let reload = Command(
    name: "reload",
    usage: "[OPTION]...",
    summary: "have the daemon read its configuration again",
    details: [
      """
      Prints what changed, and what counts from the next start on only. All of it is applied, or nothing if something \
      is wrong, exit status 5. The hosts file is read again, too, and the log file opened again.
      """
    ],
    optionRows: ReadingOptions.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      guard let options = try ReadingOptions.parse(arguments, "reload") else { return nil }
      let result = try DaemonConnection(instance, options.control).ask("reload")
      if options.isJSON { return .output(result.line) }
      let applied = (result["applied"]?.array ?? []).compactMap(\.string)
      let later = (result["needs_restart"]?.array ?? []).compactMap(\.string)
      if applied.isEmpty, later.isEmpty { return .output("nothing changed\n") }
      let lines = applied + later.map { "\($0) changed, but counts from the next start on" }
      return .output(lines.map { $0.quotedLine(limit: 400) + "\n" }.joined())
    })
}
