import OverlayIO

extension Command {
  /// `oncilla doctor`: what is wrong on this host, and what helps.
  static let doctor = Command(
    name: "doctor",
    usage: "[OPTION]...",
    summary: "look at everything that a daemon needs, and say what is wrong and what helps",
    details: [
      """
      Prints a line for each thing that it looks at, from the ground up: ok, note (it may be well), wrong, or skip (it \
      cannot be looked at), and what helps. Changes nothing. Root sees most. Exit status 1 if something is wrong; else 4 \
      if this user may not read the configuration, on which most stands.
      """
    ],
    optionRows: DoctorDraft.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla doctor", options: DoctorDraft.options)
      guard let draft = try parser.parseOptions(arguments, into: DoctorDraft()) else { return nil }
      let doctor = Doctor(ConfigurationSource(instance, file: draft.file))
      let (isJSON, style) = (draft.isJSON, Console.style)
      var checks: [Check] = []
      doctor.examine { check in
        checks.append(check)
        if !isJSON { _ = Console.print(DoctorText.line(check, style)) }
      }
      return .verdict(
        isJSON ? DoctorText.json(checks) : DoctorText.summary(checks, of: instance), status: DoctorText.status(checks))
    })
}

/// The options of `oncilla doctor` while they are being read.
struct DoctorDraft: ConfigurationDraft, JSONDraft {
  var file: String?
  var isJSON = false

  static var options: [Option<DoctorDraft>] {
    [
      .json("Print one line of JSON: whether all is well, and the checks, each with finding, text and remedy."),
      .config(),
    ]
  }
}

/// What `oncilla doctor` prints.
enum DoctorText {
  /// The line of a check.
  static func line(_ check: Check, _ style: Style = .plain) -> String {
    let word = check.word
    let shown =
      switch check.finding {
      case .ok: style.good(word)
      case .wrong: style.bad(word)
      case .note: style.bold(word)
      case .skipped: style.dim(word)
      }
    return shown + String(repeating: " ", count: 6 - word.count) + check.line + "\n"
  }

  /// All of them for programs.
  static func json(_ checks: [Check]) -> String {
    let result: JSONObject = [
      "healthy": .boolean(status(checks) == 0), "checks": .array(checks.map(\.json)),
    ]
    return result.line
  }

  /// The exit status: 1 if something is wrong, and else 4 if the configuration could not be looked at.
  static func status(_ checks: [Check]) -> Int32 {
    if checks.contains(where: \.isWrong) { return 1 }
    return isConfigurationHidden(checks) ? 4 : 0
  }

  private static func isConfigurationHidden(_ checks: [Check]) -> Bool {
    checks.contains { $0.subject == .configuration && $0.word == "skip" }
  }

  /// The last line.
  static func summary(_ checks: [Check], of instance: Instance) -> String {
    let count = { (word: String) in checks.filter { $0.word == word }.count }
    let (wrong, notes, skipped) = (count("wrong"), count("note"), count("skip"))
    let rest = [notes > 0 ? "\(notes) to note" : nil, skipped > 0 ? "\(skipped) not looked at" : nil]
      .compactMap { $0 }.joined(separator: ", ")
    let verdict = wrong == 0 ? "nothing is wrong" : wrong == 1 ? "1 thing is wrong" : "\(wrong) things are wrong"
    let remedy = isConfigurationHidden(checks) ? ": sudo \(instance.program) doctor" : ""
    return "\(verdict), of \(checks.count)\(rest.isEmpty ? "" : "; " + rest)\(remedy)\n"
  }
}
