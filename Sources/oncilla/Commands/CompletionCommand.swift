import OverlayIO

extension Command {
  /// `oncilla completion`: what shells complete.
  static let completion = Command(
    name: "completion",
    usage: "bash|zsh|fish",
    summary: "print what completes the commands and options in a shell",
    details: [
      """
      Prints a script for the shell, which knows the commands with their options and values, and asks the daemon for \
      the petnames of its peers when one is to be completed. The package and 'make install' put them where the shells \
      look; else:
      """, "bash: oncilla completion bash > ~/.local/share/bash-completion/completions/oncilla",
      "zsh: oncilla completion zsh > _oncilla in a directory of $fpath, before compinit",
      "fish: oncilla completion fish > ~/.config/fish/completions/oncilla.fish",
    ],
    optionRows: [],
    perform: { _, arguments throws(CommandError) in
      let parser = OptionParser<Void>(command: "oncilla completion", options: [])
      let parsed = try parser.parse(arguments, into: ())
      if parsed.wantsHelp { return nil }
      guard let word = parsed.operands.first else {
        throw .incomplete(command: "completion", needs: "bash, zsh or fish")
      }
      if parsed.operands.count > 1 { throw .unexpectedArgument(parsed.operands[1], command: parser.command) }
      switch word {
      case "bash": return .output(BashCompletion.script(for: all))
      case "zsh": return .output(ZshCompletion.script(for: all))
      case "fish": return .output(FishCompletion.script(for: all))
      default: throw .argument(word, reason: "bash, zsh or fish is accepted")
      }
    })
}
