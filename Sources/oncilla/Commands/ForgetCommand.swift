import OverlayIO

extension Command {
  /// `oncilla forget`: names that were learned.
  static let forget = Command(
    name: "forget",
    usage: "PEER | --all [OPTION]...",
    summary: "forget a name that was learned",
    details: [
      """
      The daemon forgets the name that it has learned for PEER, or all that it has learned with --all. Circuits stay. \
      Names of the configuration and of the hosts file are not learned.
      """
    ],
    optionRows: ForgetDraft.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla forget", options: ForgetDraft.options)
      let parsed = try parser.parse(arguments, into: ForgetDraft())
      if parsed.wantsHelp { return nil }
      if parsed.operands.count > 1 { throw .unexpectedArgument(parsed.operands[1], command: parser.command) }
      var request: JSONObject = [:]
      if let peer = parsed.operands.first {
        if parsed.draft.isForAll { throw .conflict(peer, "--all") }
        request["peer"] = .string(peer)
      } else {
        guard parsed.draft.isForAll else { throw .incomplete(command: "forget", needs: "PEER or --all") }
        request["all"] = true
      }
      _ = try DaemonConnection(instance, parsed.draft.control).ask("name_forget", request)
      return .output("")
    })
}

/// The options of `oncilla forget` while they are being read.
struct ForgetDraft: ClientDraft {
  var control: String?
  /// Whether all learned names are meant.
  var isForAll = false

  static var options: [Option<ForgetDraft>] {
    [Option(flag: "--all", "Forget all names that were learned.") { $0.isForAll = true }, .control()]
  }
}
