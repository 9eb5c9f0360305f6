import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla resolve`: from an address, a name or a petname to all of them.
  static let resolve = Command(
    name: "resolve",
    usage: "PEER [OPTION]...",
    summary: "tell the address and the full name of a peer, and where they come from",
    details: [
      """
      PEER is an overlay address, an onion name or a petname. A full name, and whatever the configuration has, needs no \
      daemon, nor does what the hosts file has; of any other address the daemon knows the name, or searches for it, which \
      takes up to 30 seconds. Who told it, and how long it was searched for, is shown. Where it is not found the exit \
      status is 7.
      """
    ],
    optionRows: ReadingOptions.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla resolve", options: ReadingOptions.options)
      let parsed = try parser.parse(arguments, into: ReadingOptions())
      if parsed.wantsHelp { return nil }
      guard let text = parsed.operands.first else { throw .incomplete(command: "resolve", needs: "PEER") }
      if parsed.operands.count > 1 { throw .unexpectedArgument(parsed.operands[1], command: parser.command) }
      let result: JSONObject
      if let known = NameText.offline(text, instance) {
        result = known
      } else {
        result = try NameText.ask(text, DaemonConnection(instance, parsed.draft.control))
      }
      return .output(parsed.draft.isJSON ? result.line : NameText.lines(result))
    })
}

/// How names are found and shown.
enum NameText {
  /// The longest that a search takes, with some time to tell of it, in milliseconds.
  private static let patience: UInt32 = 35_000
  private static let interval: UInt32 = 100

  /// What is known without a daemon; `nil` if that is nothing.
  static func offline(_ text: String, _ instance: Instance) -> JSONObject? {
    let trimmed = PastedName.trimmed(text[...])
    let settings = try? ConfigurationSource(instance).load().settings.daemon
    let peers = settings?.peers ?? []
    let address = trimmed.hasPrefix("[") ? IPv6Address(trimmed.dropFirst().dropLast()) : IPv6Address(trimmed)
    if let petname = Petname(trimmed), let peer = peers.first(where: { $0.petname == petname }) {
      return members(peer.name, petname, "configuration")
    }
    if let address, let (name, source) = settings?.givenName(at: address) {
      return members(name, peers.first { $0.name == name }?.petname, source == .hostsFile ? "hosts_file" : "\(source)")
    }
    guard address == nil, let name = try? PastedName(text).name else { return nil }
    // The short form of a name of version 3, which its address holds, is written as a name of version 2 is.
    if name.isVersion2, LookupKey.mayBelong(to: name.address) { return offline("\(name.address)", instance) }
    let petname = peers.first { $0.name == name }?.petname
    return members(name, petname, petname == nil ? "given" : "configuration")
  }

  private static func members(_ name: OnionName, _ petname: Petname?, _ source: String) -> JSONObject {
    .name(name, of: name.address, petname: petname, source: source)
  }

  /// What the daemon knows, or finds.
  static func ask(_ text: String, _ daemon: borrowing DaemonConnection) throws(CommandError) -> JSONObject {
    var waited: UInt32 = 0
    while true {
      let result = try daemon.ask("name_resolve", ["peer": .string(text)])
      if result["source"]?.string != "searching" { return result }
      guard waited < patience else { throw .daemon(124, "the search for the name has not ended in time") }
      SystemCall.sleep(milliseconds: interval)
      waited += interval
    }
  }

  /// The result for people, a line for each thing.
  static func lines(_ result: JSONObject) -> String {
    var lines = ["address  \(result["address"]?.string ?? "?")", "name     \(result["name"]?.string ?? "?")"]
    if let petname = result["petname"]?.string { lines.append("petname  \(petname)") }
    lines.append("source   \(source(result))")
    let isLearned = ["keepalive", "lookup", "hearsay"].contains(result["source"]?.string)
    if isLearned, result["reached"]?.boolean == false {
      lines.append("reached  not yet: that anybody has its key is not proven")
    }
    if let took = result["search_ms"]?.integer { lines.append("found    after \(took) ms") }
    if let age = result["age_seconds"]?.integer { lines.append("age      \(PeerText.duration(age))") }
    switch result["expires_seconds"]?.integer {
    case nil: break
    case 0: lines.append("expired  it is dialled before it is believed again")
    case let expiry?: lines.append("expires  in \(PeerText.duration(expiry))")
    }
    return lines.map { $0 + "\n" }.joined()
  }

  /// Where a name comes from, in words: who told it, if that is known.
  static func source(_ name: JSONObject) -> String {
    let source = name["source"]?.string ?? "?"
    guard let teller = name["told_by"]?.object else {
      switch source {
      case "hearsay": return "remembered: an acquaintance"
      case "lookup": return "remembered: lookup service or acquaintance"
      case "keepalive": return "remembered: keepalive"
      case "hosts_file": return "hosts file"
      case "own": return "this host"
      default: return source
      }
    }
    let since = source == "keepalive" ? ", and its keepalive since" : ""
    switch teller["kind"]?.string {
    case "host": return "keepalive"
    case "program": return "a program of this host" + since
    case "lookup_service": return "lookup service, index \(teller["index"]?.integer ?? 0)" + since
    default:
      let peer = teller["petname"]?.string ?? teller["address"]?.string ?? "?"
      return "acquaintance \(peer)" + (source == "hearsay" ? ", which learned it" : since)
    }
  }

  /// A length of time of a reply; nothing for none.
  static func duration(_ seconds: JSONValue?) -> String { seconds?.integer.map { PeerText.duration($0) } ?? "" }

  /// The time until a name expires.
  static func expiry(_ seconds: JSONValue?) -> String { seconds?.integer == 0 ? "expired" : duration(seconds) }
}
