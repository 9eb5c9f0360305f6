import OverlayIO

/// What a command line says: options read into a draft, and the other arguments in their order.
struct ParsedArguments<Draft> {
  /// What the options said.
  var draft: Draft
  /// The arguments that belong to no option.
  var operands: [String] = []
  /// Whether help was asked for; then nothing after it was read.
  var wantsHelp = false
}

/// Reads the arguments of one command by its table of options. `--option VALUE` and `--option=VALUE` mean the same;
/// `--` ends the options.
struct OptionParser<Draft> {
  /// The command as the user wrote it: `oncilla run`.
  let command: String
  /// The options that it accepts, beside `--help` and `-h`.
  let options: [Option<Draft>]
  /// Whether the first argument that is no option ends the options: it is another command with options of its own.
  var endsAtOperand = false

  /// What `arguments` say. Throws the first thing that is wrong with them.
  func parse(_ arguments: some Sequence<String>, into draft: Draft) throws(CommandError) -> ParsedArguments<Draft> {
    var result = ParsedArguments(draft: draft)
    var given: Set<String> = []
    var rest = Array(arguments)[...]
    while let argument = rest.popFirst() {
      if argument == "--" {
        result.operands += rest
        break
      }
      guard argument.hasPrefix("-"), argument != "-" else {
        result.operands.append(argument)
        if !endsAtOperand { continue }
        result.operands += rest
        break
      }
      let (name, attached) = OptionParser.split(argument)
      if name == "--help" || name == "-h" {
        guard attached == nil else { throw .unexpectedValue(option: name) }
        result.wantsHelp = true
        return result
      }
      guard let option = options.first(where: { $0.name == name }) else {
        if GlobalOptions.instance.contains(name) { throw .misplaced(option: name) }
        let suggestion = Suggestion.nearest(to: name, among: options.map(\.name))
        throw .unknownOption(name, command: command, suggestion: suggestion)
      }
      guard given.insert(name).inserted || option.isRepeatable else { throw .repeated(option: name) }
      guard let placeholder = option.placeholder else {
        guard attached == nil else { throw .unexpectedValue(option: name) }
        try OptionParser.read("", of: option, into: &result.draft)
        continue
      }
      guard let value = attached ?? OptionParser.value(from: &rest) else {
        throw .missingValue(option: name, placeholder: placeholder)
      }
      try OptionParser.read(value, of: option, into: &result.draft)
    }
    return result
  }

  /// What `arguments` say for a command that has nothing but options; `nil` if they ask for help.
  func parseOptions(_ arguments: some Sequence<String>, into draft: Draft) throws(CommandError) -> Draft? {
    let parsed = try parse(arguments, into: draft)
    if parsed.wantsHelp { return nil }
    if let operand = parsed.operands.first { throw .unexpectedArgument(operand, command: command) }
    return parsed.draft
  }

  private static func read(
    _ value: String, of option: Option<Draft>, into draft: inout Draft
  ) throws(CommandError) {
    do throws(SettingError) {
      try option.read(&draft, GivenValue(value, from: .option(option.name)))
    } catch {
      throw .setting(error)
    }
  }

  private static func split(_ argument: String) -> (name: String, value: String?) {
    guard let equals = argument.utf8.firstIndex(of: UInt8(ascii: "=")) else { return (argument, nil) }
    return (String(argument[..<equals]), String(argument[argument.utf8.index(after: equals)...]))
  }

  /// The next argument as a value. One that looks like an option is more likely a forgotten value; `=` still
  /// gives it.
  private static func value(from rest: inout ArraySlice<String>) -> String? {
    guard let next = rest.first, !next.hasPrefix("--") else { return nil }
    rest.removeFirst()
    return next
  }
}
