import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla lookup-key`: the onion service by which a host is found by its address alone.
  static let lookupKey = Command(
    name: "lookup-key",
    usage: "[ADDRESS|NAME] [OPTION]...",
    summary: "print the lookup name of an address, and write its key for Tor",
    details: [
      """
      Prints the onion name by which a host is found by its overlay address alone, and the lines of torrc that serve \
      it, which are needed for 'lookup = serve' where Tor has no control port. Without ADDRESS or NAME it is that of \
      the daemon that runs. The key follows from the address, and is no secret.
      """
    ],
    optionRows: LookupKeyDraft.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla lookup-key", options: LookupKeyDraft.options)
      let parsed = try parser.parse(arguments, into: LookupKeyDraft())
      if parsed.wantsHelp { return nil }
      if parsed.operands.count > 1 { throw .unexpectedArgument(parsed.operands[1], command: parser.command) }
      let address = try parsed.draft.address(parsed.operands.first, instance)
      guard let key = LookupKey(of: address, index: parsed.draft.index) else {
        throw .argument("\(address)", reason: "this is not an overlay address")
      }
      return .output(try parsed.draft.show(key, instance))
    })
}

/// The options of `oncilla lookup-key` while they are being read.
struct LookupKeyDraft: ReadingDraft {
  var control: String?
  var isJSON = false
  var directory: String?
  var index: UInt8 = 0

  static var options: [Option<LookupKeyDraft>] {
    [
      Option("--write", "DIR", "Write its key to this new directory, for HiddenServiceDir.") {
        draft, value throws(SettingValue.Refusal) in
        draft.directory = try SettingValue.path(value)
      },
      Option("--index", "N", default: "0", "Which of the lookup names of the address, 0 to 3.") {
        draft, value throws(SettingValue.Refusal) in
        let range = Int(LookupKey.indices.lowerBound)...Int(LookupKey.indices.upperBound)
        draft.index = try SettingValue.number(value, in: range, as: UInt8.init(exactly:))
      },
      .json(), .control(),
    ]
  }

  /// The address that an operand means, or that of the daemon.
  func address(_ operand: String?, _ instance: Instance) throws(CommandError) -> IPv6Address {
    guard let operand else {
      let identities = try DaemonConnection(instance, control).ask("identities")["identities"]?.array ?? []
      guard let address = identities.first?["address"]?.string.flatMap({ IPv6Address($0[...]) }) else {
        throw .failed("the daemon does not know its name yet: 'oncilla wait --ready' waits for it")
      }
      return address
    }
    if let address = IPv6Address(PastedName.trimmed(operand[...])) { return address }
    do {
      return try PastedName(operand[...]).name.address
    } catch {
      throw .argument(operand, reason: "an overlay address or an onion name is accepted: \(error)")
    }
  }

  /// Writes the key if it is to be written; what is to be printed.
  func show(_ key: LookupKey, _ instance: Instance) throws(CommandError) -> String {
    var owner = ""
    if let directory {
      do throws(IdentityFiles.Failure) {
        owner = try IdentityFiles.write(key.identity, toService: directory)
      } catch {
        throw CommandError(error)
      }
    }
    let settings = (try? ConfigurationSource(instance).loadIfNamed())?.settings.daemon
    let identities = (try? DaemonConnection(instance, control).ask("identities"))?["identities"]?.array ?? []
    let running = identities.compactMap { $0["address"]?.string.flatMap { IPv6Address($0[...]) } }
    let place = settings.map { $0.lookupPlace(of: key.address, running: running) } ?? .standardLookup
    let target = place.map { "\($0)" } ?? "HOST:PORT"
    let lines = [
      "HiddenServiceDir \(directory ?? LookupFinding.directory(of: key.index))",
      "HiddenServicePort \(settings?.servicePort ?? OverlayNetwork.servicePort) \(target)",
    ]
    if isJSON {
      let result: JSONObject = [
        "address": .text(key.address), "index": .count(Int(key.index)), "name": .text(key.name),
        "directory": .text(directory), "torrc": .array(lines.map { .string($0) }),
      ]
      return result.line
    }
    let what =
      directory.map {
        "\($0) holds the key of this lookup name of \(key.address), and belongs to \(owner), which has to be Tor's user."
      } ?? "This is the lookup name of \(key.address); --write makes the directory with its key."
    // The place of another identity would tell who that is.
    let unknown =
      place == nil ? "HOST:PORT is the lookup-listen of its own daemon: it is no identity of this one.\n" : ""
    return
      "\(key.name)\n\(what)\n\(unknown)Lines of torrc that serve it, beside those for the lookup names before it, after which "
      + "'systemctl reload tor@default' tells Tor:\n\(lines.map { "    \($0)\n" }.joined())"
  }
}
