import OverlayIO

extension Command {
  /// What `oncilla version` prints.
  static let versionLine = "oncilla \(ProgramVersion.current)\n"

  /// `oncilla version`.
  static let version = Command(
    name: "version",
    usage: "",
    summary: "print the version",
    details: ["Prints the program's name and version."],
    optionRows: [],
    perform: { _, arguments throws(CommandError) in
      let parser = OptionParser<Void>(command: "oncilla version", options: [])
      let parsed = try parser.parse(arguments, into: ())
      if parsed.wantsHelp { return nil }
      if let operand = parsed.operands.first { throw .unexpectedArgument(operand, command: parser.command) }
      return .output(versionLine)
    })
}
