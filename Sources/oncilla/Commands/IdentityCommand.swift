import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla identity`: who this host is, and the key that `publish = tor` keeps.
  static let identity = Command(
    name: "identity",
    usage: "list | add NAME | remove NAME|ADDRESS | backup|restore FILE | import|export DIR",
    summary: "show who this host is; add and remove identities, back up, restore or move their keys",
    details: [
      "'list' prints the address and the onion name of each identity of the daemon, and where it listens for Tor.",
      """
      'add' makes one more identity, where Tor makes the onion services ('publish = tor'): an overlay address and a \
      listener of its own, which nobody but this host's Tor can tell to be the same host's. It writes a file of \
      conf.d. 'remove' takes it away again, by what it is called or by its address, and asks before; the key is kept \
      unless --delete-key is given. Both count from the daemon's next start on.
      """,
      """
      The keys of 'oncilla run --publish tor' stand in the state directory. 'backup' writes all of them, with their \
      names, to a new FILE, and 'restore' takes them from there. 'import' takes the key of an onion service from a \
      HiddenServiceDir of Tor's, whose lines are to be taken out of torrc then, and 'export' writes such a directory. \
      Nothing is overwritten without --force. One key runs on one host at a time; a daemon that runs keeps its name \
      until it is started again.
      """,
    ],
    optionRows: IdentityDraft.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla identity", options: IdentityDraft.options)
      let parsed = try parser.parse(
        arguments,
        into: IdentityDraft(stateDirectory: DaemonPlaces(ConfigurationSource(instance)).stateDirectory ?? ""))
      if parsed.wantsHelp { return nil }
      guard let word = parsed.operands.first else {
        throw .incomplete(command: "identity", needs: IdentityVerb.inWords)
      }
      if word == "list" { return .output(try parsed.draft.list(parsed.operands, instance)) }
      guard let verb = IdentityVerb(rawValue: word) else {
        throw .argument(word, reason: "\(IdentityVerb.inWords) is accepted")
      }
      guard parsed.operands.count > 1 else {
        throw .incomplete(command: "identity \(word)", needs: verb.placeholder)
      }
      if parsed.operands.count > 2 { throw .unexpectedArgument(parsed.operands[2], command: parser.command) }
      try parsed.draft.check(verb)
      if parsed.draft.stateDirectory.isEmpty {
        throw .daemon(5, "no key is ever kept ('state-dir = none'): --state-dir DIR is accepted")
      }
      let path = parsed.operands[1]
      do throws(IdentityFiles.Failure) {
        switch verb {
        case .backup: return .output(try parsed.draft.backUp(to: path))
        case .export: return .output(try parsed.draft.export(to: path))
        case .restore: return .output(try parsed.draft.restore(try IdentityFiles.readBackup(path), instance))
        case .add, .remove: break
        case .import: return .output(try parsed.draft.keep(try IdentityFiles.read(service: path)))
        }
      } catch {
        throw CommandError(error)
      }
      let change = IdentityChange(instance, parsed.draft)
      return .output(verb == .add ? try change.add(path) : try change.remove(path))
    })
}

/// What `oncilla identity` is to do.
enum IdentityVerb: String, CaseIterable {
  case add, remove, backup, restore, `import`, export

  static var inWords: String { (["list"] + allCases.map(\.rawValue)).listed(with: "or") }

  /// What follows the word.
  var placeholder: String {
    switch self {
    case .add: "NAME"
    case .remove: "NAME or ADDRESS"
    case .backup, .restore: "FILE"
    case .import, .export: "DIR"
    }
  }
}

/// The options of `oncilla identity` while they are being read, and what they are for.
struct IdentityDraft: ReadingDraft {
  /// Where the keys are; empty if the daemon keeps none.
  var stateDirectory: String
  var control: String?
  var isJSON = false
  var isForced = false
  /// Whether nobody is asked.
  var agrees = false
  /// Whether the key goes with the identity.
  var deletesKey = false
  /// Where an identity that is added listens.
  var listen: SocketAddress?

  static var options: [Option<IdentityDraft>] {
    [
      Option("--state-dir", "DIR", "The state directory of the daemon, if its configuration does not tell it.") {
        draft, value throws(SettingValue.Refusal) in
        draft.stateDirectory = try SettingValue.path(value)
      },
      Option(flag: "--force", "Let 'restore' and 'import' replace another key, which is lost then.") {
        $0.isForced = true
      },
      Option("--listen", "HOST:PORT", "Where an identity that is added listens for Tor, if not at a free port.") {
        draft, value throws(SettingValue.Refusal) in
        draft.listen = try SettingValue.internetAddress(value)
      },
      Option(flag: "--yes", "Do not ask before 'remove'.") { $0.agrees = true },
      Option(flag: "--delete-key", "Let 'remove' remove the key, too: the address is gone for good then.") {
        $0.deletesKey = true
      },
      .json(), .control(),
    ]
  }

  /// Asks the daemon who it is; what is to be printed.
  func list(_ operands: [String], _ instance: Instance) throws(CommandError) -> String {
    if operands.count > 1 { throw .unexpectedArgument(operands[1], command: "oncilla identity") }
    let result = try DaemonConnection(instance, control).ask("identities")
    if isJSON { return result.line }
    var table = Table([("ADDRESS", .left), ("NAME", .left), ("CALLED", .left), ("LISTENS AT", .left)])
    for identity in result["identities"]?.array ?? [] {
      let listen = (identity["listen"]?.array ?? []).compactMap(\.string).joined(separator: " ")
      let file = identity["hostname_file"]?.string.map { "waiting for " + $0.quotedLine() }
      table.add([
        identity["address"]?.string ?? "-", identity["name"]?.string ?? file ?? "-", identity["label"]?.string ?? "-",
        listen,
      ])
    }
    return table.text(Console.style)
  }

  private var store: IdentityStore { IdentityStore(in: stateDirectory) }

  /// Refuses options that the verb has no use for.
  func check(_ verb: IdentityVerb) throws(CommandError) {
    if isForced, verb != .restore, verb != .import { throw .conflict(verb.rawValue, "--force") }
    if listen != nil, verb != .add { throw .conflict(verb.rawValue, "--listen") }
    if deletesKey, verb != .remove { throw .conflict(verb.rawValue, "--delete-key") }
    if agrees, verb != .remove { throw .conflict(verb.rawValue, "--yes") }
  }

  /// Writes all keys to a new file, and notes that; a line for each.
  func backUp(to path: String) throws(IdentityFiles.Failure) -> String {
    let kept = KeptIdentities(in: stateDirectory)
    guard let backup = try kept.read() else { throw .nothing(store.path) }
    try IdentityFiles.write(backup, to: path)
    try kept.noteBackup(of: backup)
    let keys = backup.entries.map { entry in
      "\(path) holds the key of \(entry.identity.name.address)\(entry.label.map { " (\($0))" } ?? "")\n"
    }
    return keys.joined() + "Whoever has it can take this host's place.\n"
  }

  /// Keeps all identities of a backup in the state directory, or none; a line for each.
  func restore(_ backup: IdentityBackup, _ instance: Instance) throws(IdentityFiles.Failure) -> String {
    let stores = backup.entries.map { (IdentityStore(in: stateDirectory, $0.label), $0) }
    for (store, entry) in stores { try refuse(entry.identity, in: store) }
    var said = ""
    for (store, entry) in stores {
      try store.keep(entry.identity)
      said += "\(store.path) holds the key of \(entry.identity.name.address), from the daemon's next start on\n"
      if let label = entry.label, !IdentityFile(label).exists(in: instance.configurationDirectory) {
        said += "'\(instance.program) identity add \(label)' lets the daemon use it, unless a file does already\n"
      }
    }
    return said
  }

  /// Writes the key as Tor's directory has it; a line that says so.
  func export(to path: String) throws(IdentityFiles.Failure) -> String {
    let identity = try kept()
    let owner = try IdentityFiles.write(identity, toService: path)
    return
      "\(path) holds the key of \(identity.name.address), for HiddenServiceDir, and belongs to \(owner), which has to "
      + "be Tor's user\n"
  }

  /// Keeps an identity in the state directory; a line that says so.
  func keep(_ identity: StoredIdentity) throws(IdentityFiles.Failure) -> String {
    try refuse(identity, in: store)
    try store.keep(identity)
    return "\(store.path) holds the key of \(identity.name.address), from the daemon's next start on\n"
  }

  private func refuse(_ identity: StoredIdentity, in store: IdentityStore) throws(IdentityFiles.Failure) {
    if let kept = try store.read(), kept != identity, !isForced {
      throw .taken(store.path, by: "\(kept.name.address)")
    }
  }

  private func kept() throws(IdentityFiles.Failure) -> StoredIdentity {
    guard let identity = try store.read() else { throw .nothing(store.path) }
    return identity
  }
}
