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
      guard try parser.parseOptions(arguments, into: ()) != nil else { return nil }
      return .output(versionLine)
    })
}
