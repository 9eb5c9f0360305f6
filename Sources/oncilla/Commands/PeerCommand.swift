import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla peer`: what concerns one peer.
  static let peer = Command(
    name: "peer",
    usage: "ACTION PEER [OPTION]...",
    summary: "show one peer, or change what the daemon does with it",
    details: [
      "ACTION is show, add, remove, block, unblock, connect, disconnect or reconnect.",
      """
      PEER is a petname, an overlay address, an onion name, or the 16 characters of it that the address holds; as it \
      is pasted.
      """,
      "show prints all that is known of the peer.",
      """
      add makes it a permanent peer, PEER written as [PETNAME=]NAME, until the daemon ends; --save keeps it in a file \
      of peers.d, for which a petname is needed. remove makes it none; --save removes such a file. Where no daemon runs, \
      --save changes the file alone, which counts from its start on.
      """,
      "block closes its circuits, dials it no more and refuses what it sends, until unblock or until the daemon ends.",
      "connect dials it now, whatever the pause after a failure says.",
      """
      disconnect closes its circuits. It is dialled again when a packet for it is sent, or by connect, one that is \
      configured, too.
      """,
      "reconnect does both; with --all it does so for all configured peers.",
    ],
    optionRows: PeerDraft.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla peer", options: PeerDraft.options)
      let parsed = try parser.parse(arguments, into: PeerDraft())
      if parsed.wantsHelp { return nil }
      guard let word = parsed.operands.first else {
        throw .incomplete(command: "peer", needs: "what to do, and PEER: \(PeerVerb.inWords)")
      }
      guard let verb = PeerVerb(rawValue: word) else {
        throw .argument(word, reason: "\(PeerVerb.inWords) is accepted")
      }
      return .output(try verb.perform(parsed, instance))
    })
}

/// What is done with a peer.
enum PeerVerb: String, CaseIterable {
  case show, add, remove, block, unblock, connect, disconnect, reconnect

  static var inWords: String { allCases.map(\.rawValue).listed(with: "or") }

  /// Asks the daemon, and returns what is to be printed.
  func perform(_ parsed: ParsedArguments<PeerDraft>, _ instance: Instance) throws(CommandError) -> String {
    let (draft, operands) = (parsed.draft, parsed.operands.dropFirst())
    if draft.isJSON, self != .show { throw .conflict("peer \(rawValue)", "--json") }
    if draft.isForAll {
      guard self == .reconnect else { throw .conflict("peer \(rawValue)", "--all") }
      if let peer = operands.first { throw .conflict(peer, "--all") }
    } else if operands.isEmpty {
      throw .incomplete(command: "peer \(rawValue)", needs: self == .reconnect ? "PEER or --all" : "PEER")
    }
    if operands.count > 1, let more = operands.last { throw .unexpectedArgument(more, command: "oncilla peer") }
    if draft.isSaved, self != .add, self != .remove { throw .conflict("peer \(rawValue)", "--save") }
    var arguments: JSONObject = [:]
    if draft.isForAll { arguments["all"] = true }
    if let peer = operands.first { arguments["peer"] = .string(peer) }
    if draft.isSaved, let peer = operands.first {
      let change = SavedPeer(instance, try PeerVerb.runningDaemon(instance, draft.control))
      return self == .add ? try change.add(peer) : try change.remove(peer)
    }
    let daemon = try DaemonConnection(instance, draft.control)
    let result = try daemon.ask("peer_" + rawValue, arguments)
    switch self {
    case .show:
      return draft.isJSON ? result.line : PeerText.lines(result["peer"] ?? .null)
    case .add: return "\(result["address"]?.string ?? "?")\n"
    default: return ""
    }
  }

  /// The daemon; `nil` if none runs.
  private static func runningDaemon(
    _ instance: Instance, _ control: String?
  ) throws(CommandError) -> DaemonConnection? {
    do throws(CommandError) {
      return try DaemonConnection(instance, control)
    } catch {
      guard case .daemon(3, _) = error else { throw error }
      return nil
    }
  }
}

/// The options of `oncilla peer` while they are being read.
struct PeerDraft: ReadingDraft {
  var control: String?
  var isJSON = false
  /// Whether a file keeps it.
  var isSaved = false
  /// Whether all configured peers are meant.
  var isForAll = false

  static var options: [Option<PeerDraft>] {
    [
      Option(flag: "--all", "Reconnect all configured peers.") { $0.isForAll = true },
      Option(flag: "--save", "Keep what add or remove does in a file of peers.d.") { $0.isSaved = true },
      .json(), .control(),
    ]
  }
}
