import OverlayIO

/// The options of `oncilla run` while they are being read.
struct RunDraft: ConfigurationDraft {
  /// The file of `--config`.
  var file: String?
  /// The settings.
  var given = GivenSettings()
}

/// The options of `oncilla run`: one for each setting, and the file that holds them.
enum RunOptions {
  /// All of them, in the order of the help text.
  static var all: [Option<RunDraft>] { [.config()] + Setting.all.map { Option($0) } }

  /// What `arguments` say for a daemon of `instance`, and where the rest is; `nil` if they ask for help.
  static func source(
    _ arguments: some Sequence<String>, for instance: Instance
  ) throws(CommandError) -> ConfigurationSource? {
    let parser = OptionParser(command: "oncilla run", options: all)
    guard let draft = try parser.parseOptions(arguments, into: RunDraft()) else { return nil }
    return ConfigurationSource(instance, file: draft.file, options: draft.given)
  }

  /// The settings that `arguments` give by themselves, whatever files there are; `nil` if they ask for help.
  static func parse(
    _ arguments: some Sequence<String>, for instance: Instance = .standard
  ) throws(CommandError) -> RunSettings? {
    guard let source = try source(arguments, for: instance) else { return nil }
    do throws(SettingError) {
      return try RunSettings(source.options.entries, for: instance)
    } catch {
      throw .setting(error)
    }
  }
}
