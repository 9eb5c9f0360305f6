extension Command {
  /// `oncilla help`.
  static let help = Command(
    name: "help",
    usage: "[COMMAND]",
    summary: "explain a command",
    details: ["Prints what COMMAND does and accepts, or the list of commands."],
    optionRows: [],
    perform: { _, arguments throws(CommandError) in
      let parser = OptionParser<Void>(command: "oncilla help", options: [])
      let parsed = try parser.parse(arguments, into: ())
      if parsed.wantsHelp { return nil }
      if parsed.operands.count > 1 { throw .unexpectedArgument(parsed.operands[1], command: parser.command) }
      guard let name = parsed.operands.first else { return .output(overview) }
      return .output(try named(name).helpText)
    })

  /// The text of `oncilla --help`.
  static var overview: String {
    """
    Usage: oncilla [-i INSTANCE] COMMAND [OPTION]...

    Reach onion services by IPv6: packets to fd87:d87e:eb43::/48 travel through Tor
    to the host whose onion name the address belongs to.

    To begin: 'sudo oncilla setup'. What is wrong, and what helps: 'sudo oncilla
    doctor'.

    Commands:
    \(all.map { HelpText.row($0.name, $0.summary, indent: 16) }.joined())
    -i INSTANCE, or --instance INSTANCE, means a daemon with a configuration, a
    state and an interface of its own, in place of the one without a name.

    'oncilla help COMMAND' and 'man oncilla' tell more.

    """
  }
}
