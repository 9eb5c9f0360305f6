import OverlayIO

extension Command {
  /// `oncilla check-config`: whether a daemon would start with the configuration, and what it would do.
  static let checkConfiguration = Command(
    name: "check-config",
    usage: "[OPTION]...",
    summary: "say whether the configuration is valid, and what it amounts to",
    details: [
      """
      Reads the configuration as 'oncilla run' does and says what is wrong with it, with file and line, or how many \
      files are valid. Changes nothing. Exit status 5 if it is wrong, or does not tell who this host is.
      """
    ],
    optionRows: CheckDraft.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla check-config", options: CheckDraft.options)
      guard let draft = try parser.parseOptions(arguments, into: CheckDraft()) else { return nil }
      let configuration: Configuration
      do throws(SettingError) {
        configuration = try ConfigurationSource(instance, file: draft.file).load()
      } catch {
        throw .setting(error)
      }
      let warnings = configuration.warnings + configuration.hookProblems
      if draft.isJSON {
        var result: JSONObject = [
          "valid": true, "files": .array(configuration.files.map { .string($0) }),
          "warnings": .array(warnings.map { .string($0) }),
        ]
        if draft.shows { result["settings"] = .array(configuration.shownSettings.map(\.json)) }
        return .output(result.line)
      }
      var lines = warnings.map { "# warning: \($0)" }
      if draft.shows {
        lines += configuration.files.map { "# \($0)" } + configuration.lines
      } else {
        let count = configuration.files.count
        lines.append("valid: \(count) file\(count == 1 ? "" : "s")")
      }
      return .output(lines.map { $0.singleLine + "\n" }.joined())
    })
}

/// The options of `oncilla check-config` while they are being read.
struct CheckDraft: ConfigurationDraft, JSONDraft {
  var file: String?
  var shows = false
  var isJSON = false

  static var options: [Option<CheckDraft>] {
    [
      Option(flag: "--show", "Print each setting with its value, and where that is from.") { $0.shows = true },
      .json("Print one line of JSON: the files, the warnings and, with --show, the settings."), .config(),
    ]
  }
}
