import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla identity`: who this host is, and the key that `publish = tor` keeps.
  static let identity = Command(
    name: "identity",
    usage: "list | backup|restore FILE | import|export DIR",
    summary: "show who this host is; back up, restore or move the key of an onion service that Tor makes for Oncilla",
    details: [
      "'list' prints the address and the onion name of each identity of the daemon, and where it listens for Tor.",
      """
      The key of 'oncilla run --publish tor' stands in the state directory. 'backup' writes it, with its name, to a new \
      FILE, and 'restore' takes it from there. 'import' takes the key of an onion service from a HiddenServiceDir of \
      Tor's, whose lines are to be taken out of torrc then, and 'export' writes such a directory. Nothing is \
      overwritten without --force. One key runs on one host at a time; a daemon that runs keeps its name until it is \
      started again.
      """,
    ],
    optionRows: IdentityDraft.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla identity", options: IdentityDraft.options)
      let parsed = try parser.parse(
        arguments, into: IdentityDraft(stateDirectory: DaemonPlaces(ConfigurationSource(instance)).stateDirectory))
      if parsed.wantsHelp { return nil }
      guard let word = parsed.operands.first else {
        throw .incomplete(command: "identity", needs: "list, backup, restore, import or export")
      }
      if word == "list" { return .output(try parsed.draft.list(parsed.operands, instance)) }
      guard let verb = IdentityVerb(rawValue: word) else {
        throw .argument(word, reason: "list, backup, restore, import or export is accepted")
      }
      guard parsed.operands.count > 1 else {
        throw .incomplete(command: "identity \(word)", needs: verb.placeholder)
      }
      if parsed.operands.count > 2 { throw .unexpectedArgument(parsed.operands[2], command: parser.command) }
      if verb.isReading, parsed.draft.isForced { throw .conflict(word, "--force") }
      let path = parsed.operands[1]
      do throws(IdentityFiles.Failure) {
        switch verb {
        case .backup: return .output(try parsed.draft.backUp(to: path))
        case .export: return .output(try parsed.draft.export(to: path))
        case .restore: return .output(try parsed.draft.keep(try IdentityFiles.read(path)))
        case .import: return .output(try parsed.draft.keep(try IdentityFiles.read(service: path)))
        }
      } catch {
        throw CommandError(error)
      }
    })
}

/// What `oncilla identity` is to do.
enum IdentityVerb: String {
  case backup, restore, `import`, export

  /// What follows the word.
  var placeholder: String {
    switch self {
    case .backup, .restore: "FILE"
    case .import, .export: "DIR"
    }
  }

  /// Whether the state directory's key stays as it is.
  var isReading: Bool { self == .backup || self == .export }
}

/// The options of `oncilla identity` while they are being read, and what they are for.
struct IdentityDraft: ReadingDraft {
  var stateDirectory: String
  var control: String?
  var isJSON = false
  var isForced = false

  static var options: [Option<IdentityDraft>] {
    [
      Option("--state-dir", "DIR", "The state directory of the daemon, if its configuration does not tell it.") {
        draft, value throws(SettingValue.Refusal) in
        draft.stateDirectory = try SettingValue.path(value)
      },
      Option(flag: "--force", "Let 'restore' and 'import' replace another key, which is lost then.") {
        $0.isForced = true
      },
      .json(), .control(),
    ]
  }

  /// Asks the daemon who it is; what is to be printed.
  func list(_ operands: [String], _ instance: Instance) throws(CommandError) -> String {
    if operands.count > 1 { throw .unexpectedArgument(operands[1], command: "oncilla identity") }
    let result = try DaemonConnection(instance, control).ask("identities")
    if isJSON { return JSONValue.object(result).text + "\n" }
    var table = Table([("ADDRESS", .left), ("NAME", .left), ("LISTENS AT", .left)])
    for identity in result["identities"]?.array ?? [] {
      let listen = (identity["listen"]?.array ?? []).compactMap(\.string).joined(separator: " ")
      let file = identity["hostname_file"]?.string.map { "waiting for " + $0.quotedLine() }
      table.add([identity["address"]?.string ?? "-", identity["name"]?.string ?? file ?? "-", listen])
    }
    return table.text(Console.style)
  }

  private var store: IdentityStore { IdentityStore(in: stateDirectory) }

  /// Writes the key to a new file, and notes that; a line that says so.
  func backUp(to path: String) throws(IdentityFiles.Failure) -> String {
    let identity = try kept()
    try IdentityFiles.write(identity, to: path)
    try store.noteBackup(of: identity)
    return "\(path) holds the key of \(identity.name.address): whoever has it can take this host's place\n"
  }

  /// Writes the key as Tor's directory has it; a line that says so.
  func export(to path: String) throws(IdentityFiles.Failure) -> String {
    let identity = try kept()
    try IdentityFiles.write(identity, toService: path)
    return "\(path) holds the key of \(identity.name.address), for HiddenServiceDir: it has to belong to Tor's user\n"
  }

  /// Keeps an identity in the state directory; a line that says so.
  func keep(_ identity: StoredIdentity) throws(IdentityFiles.Failure) -> String {
    if let kept = try store.read(), kept != identity, !isForced {
      throw .taken(store.path, by: "\(kept.name.address)")
    }
    try store.keep(identity)
    return "\(store.path) holds the key of \(identity.name.address), from the daemon's next start on\n"
  }

  private func kept() throws(IdentityFiles.Failure) -> StoredIdentity {
    guard let identity = try store.read() else { throw .nothing(store.path) }
    return identity
  }
}
