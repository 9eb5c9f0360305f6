import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla join`: takes an invitation.
  static let join = Command(
    name: "join",
    usage: "INVITATION [PETNAME] [OPTION]...",
    summary: "make the host of an invitation a permanent peer",
    details: [
      """
      Takes the line that 'oncilla invite' printed on the other host: writes a file of peers.d, which a running daemon \
      reads at once, and prints the answer, a line that the other host's 'oncilla join' takes: after that the two know \
      each other. PETNAME is what the peer is called here.
      """
    ],
    optionRows: ChangingOptions.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla join", options: ChangingOptions.options)
      let parsed = try parser.parse(arguments, into: ChangingOptions())
      if parsed.wantsHelp { return nil }
      var operands = parsed.operands
      // The whole line that the other side printed may be given as it is.
      if operands.prefix(2) == ["oncilla", "join"] { operands.removeFirst(2) }
      guard let line = operands.first else { throw .incomplete(command: "join", needs: "an INVITATION") }
      if operands.count > 2 { throw .unexpectedArgument(operands[2], command: parser.command) }
      let invitation: Invitation
      do throws(InvitationError) {
        invitation = try Invitation(line)
      } catch {
        throw .argument(line, reason: error.description)
      }
      return .output(try Joining(instance, parsed.draft.control).join(invitation, as: operands.dropFirst().first))
    })
}

/// Takes an invitation for the daemon of an instance.
private struct Joining {
  private let instance: Instance
  private let control: String?

  init(_ instance: Instance, _ control: String?) { (self.instance, self.control) = (instance, control) }

  /// Makes the peer; what there is to say.
  func join(_ invitation: Invitation, as text: String?) throws(CommandError) -> String {
    let known = configuredPeers.first { $0.name == invitation.name }?.petname
    var petname = known ?? invitation.petname ?? Petname("peer-" + invitation.name.label.prefix(8))
    if let text {
      petname = try InviteDraft.friend(text)
    }
    guard let petname else { throw .incomplete(command: "join", needs: "a PETNAME") }
    if let known, known != petname { throw .failed("this host is a peer already, called '\(known)'") }
    let own = try? OwnInvitation(instance, control).name()
    guard own != invitation.name else { throw .failed("this is an invitation to this host itself") }
    guard invitation.key == nil || OwnInvitation(instance, control).usesControlPort != false else {
      throw .failed(
        "this is a private host, whose key Tor takes at its control port: 'tor-control = unix:/run/tor/control' in the "
          + "configuration first, and 'man oncilla', section SERVICE, tells how the service may use that")
    }
    if known == nil || PeerFile.exists(petname, in: instance.configurationDirectory) {
      try PeerFile(petname, name: invitation.name, key: invitation.key).writeChecked(for: instance)
    } else if let key = invitation.key {
      throw .failed(
        "'\(petname)' is written by hand in the configuration, and is left alone: 'key = \(Invitation.text(ofKey: key))' "
          + "below its heading there lets Tor find it")
    }
    var output = "\(petname) is a peer: ping -6 \(invitation.name.address)\n"
    if try !OwnInvitation(instance, control).reloadIfRunning(for: ["peer", "peer-key"]) {
      output += "The daemon does not run, and will read it at its start.\n"
    }
    if invitation.isAnswer {
      output += "You and \(petname) know each other.\n"
    } else if let own, let answer = try answer(to: petname, from: own) {
      output += "To make it mutual, send this back:\n  oncilla join \(answer.line)\n"
    }
    return output
  }

  /// Returns the invitation that makes it mutual; `nil` if the peer has one already.
  private func answer(to petname: Petname, from own: OnionName) throws(CommandError) -> Invitation? {
    let invitation = OwnInvitation(instance, control)
    guard try invitation.isPrivate() else { return Invitation(name: own, isAnswer: true) }
    guard !InvitedFile(petname).exists(in: instance.configurationDirectory) else { return nil }
    return try invitation.makeKey(for: petname, as: nil, isAnswer: true)
  }

  /// The peers of the configuration; none if it is wrong.
  private var configuredPeers: [ConfiguredPeer] {
    (try? ConfigurationSource(instance).loadIfNamed()?.settings.daemon.peers) ?? []
  }
}
