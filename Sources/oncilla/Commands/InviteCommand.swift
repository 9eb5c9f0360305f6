import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla invite`: the line by which somebody else becomes a peer.
  static let invite = Command(
    name: "invite",
    usage: "[PETNAME] [OPTION]...",
    summary: "print the line by which a friend becomes a peer",
    details: [
      """
      Prints a line of at most 160 characters. Who passes it to 'oncilla join' has this host as a permanent peer, and \
      gets a line back that makes it mutual. Whoever sees the line learns this host's name. Where the host is private \
      ('oncilla setup --private'), it holds a key for PETNAME alone, which 'oncilla revoke PETNAME' takes back.
      """
    ],
    optionRows: InviteDraft.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla invite", options: InviteDraft.options)
      let parsed = try parser.parse(arguments, into: InviteDraft())
      if parsed.wantsHelp { return nil }
      if parsed.operands.count > 1 { throw .unexpectedArgument(parsed.operands[1], command: parser.command) }
      let friend = try parsed.operands.first.map { text throws(CommandError) in try InviteDraft.friend(text) }
      let own = OwnInvitation(instance, parsed.draft.control)
      let isPrivate = try own.isPrivate()
      let invitation =
        isPrivate
        ? try own.makeKey(for: friend, as: parsed.draft.petname) : try own.make(as: parsed.draft.petname)
      return .output("oncilla join \(invitation.line)\n")
    })
}

/// The options of `oncilla invite` while they are being read.
struct InviteDraft: ClientDraft {
  var control: String?
  var petname: Petname?

  static var options: [Option<InviteDraft>] {
    [
      Option("--as", "PETNAME", "What the friend's side is to call this host, unless they choose.") {
        draft, text throws(SettingValue.Refusal) in
        draft.petname = try InviteDraft.read(petname: text)
      },
      .control(),
    ]
  }

  /// Reads the petname of a friend.
  static func friend(_ text: String) throws(CommandError) -> Petname {
    guard let petname = Petname(text) else {
      throw .argument(text, reason: "1 to 63 letters, digits and inner hyphens are accepted as a petname")
    }
    return petname
  }

  /// Reads a petname that fits into an invitation.
  static func read(petname text: String) throws(SettingValue.Refusal) -> Petname {
    guard let petname = Petname(text), petname.description.utf8.count <= Invitation.longestPetname else {
      throw SettingValue.Refusal(
        "1 to \(Invitation.longestPetname) letters, digits and inner hyphens are accepted as a petname")
    }
    return petname
  }
}

/// The invitation to this host, whose name the daemon knows, or else its configuration.
struct OwnInvitation {
  private let instance: Instance
  private let control: String?

  /// For the daemon of an instance, or the one with the control socket at `control`.
  init(_ instance: Instance, _ control: String?) { (self.instance, self.control) = (instance, control) }

  /// Makes the invitation.
  func make(as petname: Petname?) throws(CommandError) -> Invitation {
    guard let invitation = Invitation(name: try name(), petname: petname) else {
      throw .failed("the name of this host is of version 2, which today's Tor does not serve")
    }
    return invitation
  }

  /// Returns the name of the first identity.
  func name() throws(CommandError) -> OnionName {
    let status: JSONObject
    do throws(CommandError) {
      status = try DaemonConnection(instance, control).ask("status")
    } catch {
      guard case .daemon(3, _) = error, let name = configuredName() else { throw error }
      return name
    }
    guard let text = status["identities"]?.array?.first?["name"]?.string, let name = try? OnionName(text) else {
      throw .daemon(6, "this host has no name yet: '\(instance.program) status' tells what it waits for")
    }
    return name
  }

  private func configuredName() -> OnionName? {
    guard let settings else { return nil }
    switch settings.identities.first?.name {
    case .onion(let name): return name
    case .hostnameFile(let path): return try? HostnameFile.read(path)
    case .madeByTor(let label):
      return settings.stateDirectory.flatMap { try? IdentityStore(in: $0, label).read() }?.name
    case nil: return nil
    }
  }

  private var settings: DaemonSettings? { try? ConfigurationSource(instance).load().settings.daemon }

  /// Whether those alone find this host who were given a key. Throws if the configuration cannot tell.
  func isPrivate() throws(CommandError) -> Bool {
    do throws(SettingError) {
      return try ConfigurationSource(instance).loadIfNamed()?.settings.daemon.isPrivate == true
    } catch {
      throw .setting(error)
    }
  }

  /// Whether the daemon is to use Tor's control port; `nil` where there is no configuration.
  var usesControlPort: Bool? { settings.map { $0.torControl != nil } }

  /// Makes an invitation, or an answer to one, with a key for a friend, whom Tor lets in from now on.
  func makeKey(
    for friend: Petname?, as petname: Petname?, isAnswer: Bool = false
  ) throws(CommandError) -> Invitation {
    guard let friend else {
      throw .incomplete(
        command: "invite", needs: "a PETNAME: this host is private, and each friend gets a key of his own")
    }
    let name = try name()
    var generator = SystemRandomNumberGenerator()
    let secret = X25519.makeSecret(using: &generator)
    guard let publicKey = X25519.publicKey(of: secret),
      let invitation = Invitation(name: name, key: secret, petname: petname, isAnswer: isAnswer)
    else { throw .failed("the name of this host is of version 2, which today's Tor does not serve") }
    do throws(SystemError) {
      try InvitedFile(friend).write(publicKey, to: instance.configurationDirectory)
    } catch {
      if error.isExisting {
        throw .failed("'\(friend)' has a key already: '\(instance.program) revoke \(friend)' takes it back")
      }
      throw CommandError(error)
    }
    let isFound = isReady
    do throws(CommandError) {
      if try reloadIfRunning(for: ["invited"]), isFound { awaitPublication() }
    } catch {
      // Nobody gets the key.
      _ = try? InvitedFile(friend).remove(from: instance.configurationDirectory)
      throw error
    }
    return invitation
  }

  /// Waits until Tor has published the service anew, for 30 s at most: whoever looks for it before that with the new
  /// key is refused, as one who was not invited is. The own circuit tells that it is published.
  private func awaitPublication() {
    var isHidden = false
    for turn in 0..<300 {
      // The change reaches Tor a moment after the daemon has read of it.
      if !isReady { isHidden = true } else if isHidden || turn > 20 { return }
      SystemCall.sleep(milliseconds: 100)
    }
  }

  private var isReady: Bool {
    (try? DaemonConnection(instance, control, isQuiet: true).ask("status"))?["state"]?.string == "ready"
  }

  /// Lets a daemon read its configuration again. It returns whether one runs. Throws if what was changed of these
  /// settings does not count before the daemon is started again.
  @discardableResult
  func reloadIfRunning(for settings: [String] = []) throws(CommandError) -> Bool {
    let result: JSONObject
    do throws(CommandError) {
      result = try DaemonConnection(instance, control).ask("reload")
    } catch {
      guard case .daemon(3, _) = error else { throw error }
      return false
    }
    let waiting = (result["needs_restart"]?.array ?? []).compactMap(\.string)
    if let setting = settings.first(where: { waiting.contains($0) }) {
      throw .failed(
        "'\(setting)' counts from the daemon's next start on, with other settings that wait for that: '\(instance.program) reload' "
          + "tells which")
    }
    return true
  }
}
