import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla revoke`: takes a key back.
  static let revoke = Command(
    name: "revoke",
    usage: "PETNAME [OPTION]...",
    summary: "take back the key that 'oncilla invite PETNAME' gave",
    details: [
      """
      Who has the key does not find this host any more once Tor has published it anew, within a minute or two. \
      Circuits that stand go on.
      """
    ],
    optionRows: ChangingOptions.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla revoke", options: ChangingOptions.options)
      let parsed = try parser.parse(arguments, into: ChangingOptions())
      if parsed.wantsHelp { return nil }
      guard let text = parsed.operands.first else { throw .incomplete(command: "revoke", needs: "a PETNAME") }
      if parsed.operands.count > 1 { throw .unexpectedArgument(parsed.operands[1], command: parser.command) }
      let friend = try InviteDraft.friend(text)
      let wasThere: Bool
      do throws(SystemError) {
        wasThere = try InvitedFile(friend).remove(from: instance.configurationDirectory)
      } catch {
        throw CommandError(error)
      }
      let file = InvitedFile(friend)
      guard wasThere || !file.exists(in: instance.configurationDirectory) else {
        throw .failed(
          "\(file.path(in: instance.configurationDirectory)) was written or changed by hand, and is left alone: take "
            + "the key of '\(friend)' out there, and 'oncilla reload'")
      }
      guard wasThere else { throw .daemon(7, "nobody called '\(friend)' was given a key") }
      try OwnInvitation(instance, parsed.draft.control).reloadIfRunning(for: ["invited"])
      return .output("\(friend) does not find this host any more, once Tor has published it anew.\n")
    })
}
