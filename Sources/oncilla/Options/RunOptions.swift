import OverlayIO

/// The options of `oncilla run`: one for each setting.
enum RunOptions {
  /// All of them, in the order of the help text.
  static var all: [Option<SettingsDraft>] { Setting.all.map { Option($0) } }

  /// The settings of `instance` that `arguments` give; `nil` if they ask for help.
  static func parse(_ arguments: some Sequence<String>, for instance: Instance = .standard) throws(CommandError)
    -> RunSettings?
  {
    let parser = OptionParser(command: "oncilla run", options: all)
    let parsed = try parser.parse(arguments, into: SettingsDraft(for: instance))
    if parsed.wantsHelp { return nil }
    if let operand = parsed.operands.first { throw .unexpectedArgument(operand, command: parser.command) }
    do throws(SettingError) {
      return try parsed.draft.settings()
    } catch {
      throw .setting(error)
    }
  }
}
