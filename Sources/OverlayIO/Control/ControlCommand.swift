/// A command of the control socket. Everything that is to be known of it stands in the table `ControlCommand.all`:
/// requests are checked against it, and a test compares oncilla-control(7) with it.
public struct ControlCommand: Sendable {
  /// What a value has to be.
  public enum Kind: Equatable, Sendable {
    /// A text.
    case string
    /// A whole number of this range.
    case integer(ClosedRange<Int64>)
    /// True or false.
    case boolean
  }

  /// A value that a request has beside the command.
  public struct Argument: Sendable {
    /// The name of the member.
    public let name: String
    /// What its value has to be.
    public let kind: Kind
    /// Whether it has to be there.
    public let isRequired: Bool
  }

  /// The name.
  public let name: String
  /// The values that a request may have.
  public let arguments: [Argument]
  /// Whether it changes something.
  public let isChange: Bool
  /// What it does and answers, in a sentence.
  public let text: String

  /// The name and the arguments as the manual shows them, those in brackets that need not be given.
  public var synopsis: String {
    ([name] + arguments.map { $0.isRequired ? $0.name : "[\($0.name)]" }).joined(separator: " ")
  }

  /// Returns the command of this name; `nil` if there is none.
  static func named(_ name: String) -> ControlCommand? { all.first { $0.name == name } }
}

extension ControlCommand {
  /// Every command, in the order of the manual.
  public static let all: [ControlCommand] = [
    ask("status", "The daemon, its identities with their peers and counters, the link and the address service."),
    ask("identities", "Who this host is: the identities, each with the addresses at which it listens."),
    ask("peers", "The peers of all identities."),
    ask("peer_show", "One peer, one that only calls included.", peer),
    change(
      "peer_add", "Adds a permanent peer, written as for --peer, until the daemon ends.",
      Argument(name: "peer", kind: .string, isRequired: true), Argument(name: "kept", kind: .boolean, isRequired: false)
    ),
    change("peer_remove", "Removes a permanent peer, and closes the circuits to it.", peer),
    change(
      "peer_block", "Closes the circuits of a peer, dials it no more and refuses what it sends, until the daemon ends.",
      peer),
    change("peer_unblock", "Ends a block.", peer),
    change("peer_connect", "Dials a peer now, whatever the pause after a failure says.", peer),
    change(
      "peer_disconnect",
      "Closes the circuits of a peer, and dials it again only when a packet for it or a command does.",
      peer),
    change(
      "peer_reconnect", "Closes the circuits of a peer, or of all that are configured, and dials anew.", anyPeer,
      every),
    ask(
      "names", "The names that are known, of every identity, in order: 500 at most, from the first or a place on.",
      Argument(name: "after", kind: .string, isRequired: false)),
    ask("name_resolve", "The name of a peer, and where it comes from, or whether it is searched for now.", peer),
    change("name_forget", "Forgets the learned name of a peer, or all that were learned.", anyPeer, every),
    ask("routes", "The prefixes behind peers, and those behind this host."),
    ask("neighbours", "The hosts of the LAN that were heard of in the last two minutes, in TAP mode."),
    ask(
      "ping", "Sends an echo request to a peer, which is dialled if need be, and answers with the times.", peer, timeout
    ),
    change("reload", "Reads the configuration and the hosts file again, and opens the log file again, as SIGHUP does."),
    ask("monitor", "Answers, and then sends an event a line as things happen."),
    ask(
      "metrics", "The figures of the daemon, in the text format of Prometheus.",
      Argument(name: "peers", kind: .boolean, isRequired: false)),
  ]

  private static let peer = Argument(name: "peer", kind: .string, isRequired: true)
  private static let anyPeer = Argument(name: "peer", kind: .string, isRequired: false)
  private static let every = Argument(name: "all", kind: .boolean, isRequired: false)
  private static let timeout = Argument(name: "timeout_seconds", kind: .integer(1...300), isRequired: false)

  private static func ask(_ name: String, _ text: String, _ arguments: Argument...) -> ControlCommand {
    ControlCommand(name: name, arguments: arguments, isChange: false, text: text)
  }

  private static func change(_ name: String, _ text: String, _ arguments: Argument...) -> ControlCommand {
    ControlCommand(name: name, arguments: arguments, isChange: true, text: text)
  }
}
