import OverlayCore
import OverlayIO

/// All that `oncilla run` was told, checked.
struct RunOptions: Equatable {
  /// What the daemon is to do.
  var daemon: DaemonSettings
  /// The least important level that is logged.
  var logLevel: LogLevel
  /// Where the log goes.
  var logTarget: LogTarget
}

extension RunOptions {
  /// The options that `arguments` give; `nil` if they ask for help.
  static func parse(_ arguments: some Sequence<String>) throws(CommandError) -> RunOptions? {
    let parser = OptionParser(command: "oncilla run", options: RunDraft.options)
    let parsed = try parser.parse(arguments, into: RunDraft())
    if parsed.wantsHelp { return nil }
    if let operand = parsed.operands.first { throw .unexpectedArgument(operand, command: parser.command) }
    let draft = parsed.draft
    return RunOptions(
      daemon: try draft.settings(given: parsed.given), logLevel: draft.logLevel, logTarget: draft.logTarget)
  }
}
