import OverlayCore
import OverlayIO

/// The commands that only show what the daemon answers.
extension Command {
  /// `oncilla peers`.
  static let peers = reading(
    "peers", asking: "peers", "show the peers", "Prints the table of 'oncilla status' alone, of all identities."
  ) { result in
    let peers = result["peers"]?.array ?? []
    if peers.isEmpty { return "no peers\n" }
    let omitted = result["peers_omitted"]?.integer ?? 0
    return PeerText.table(peers).text(Console.style) + (omitted > 0 ? "and \(omitted) more peers\n" : "")
  }

  /// `oncilla routes`.
  static let routes = reading(
    "routes", asking: "routes", "show the prefixes behind peers and behind this host",
    "Prints a line for each --route and --serve that is in effect."
  ) { result in
    var table = Table([("PREFIX", .left), ("BEHIND", .left)])
    for route in result["routes"]?.array ?? [] { table.add([route["prefix"]?.string ?? "?", PeerText.label(route)]) }
    for prefix in result["served"]?.array ?? [] { table.add([prefix.string ?? "?", "this host"]) }
    return table.isEmpty ? "no prefixes are routed or served\n" : table.text(Console.style)
  }

  /// `oncilla neighbours`.
  static let neighbours = reading(
    "neighbours", asking: "neighbours", "show the hosts of the LAN, in TAP mode",
    "Prints a line for each address that was heard of in the last two minutes, with its station."
  ) { result in
    var table = Table([("ADDRESS", .left), ("STATION", .left), ("HEARD", .right), ("", .left)])
    for host in result["neighbours"]?.array ?? [] {
      table.add([
        host["address"]?.string ?? "?", host["mac_address"]?.string ?? "?",
        PeerText.duration(host["heard_seconds"]?.integer ?? 0) + " ago",
        host["identity"]?.boolean == true ? "an identity of this host" : "",
      ])
    }
    return table.isEmpty ? "no host of the LAN was heard of\n" : table.text(Console.style)
  }

  private static func reading(
    _ name: String, asking request: String, _ summary: String, _ details: String,
    text: @escaping @Sendable (JSONObject) -> String
  ) -> Command {
    Command(
      name: name, usage: "[OPTION]...", summary: summary, details: [details],
      optionRows: ReadingOptions.options.map { HelpText.row($0) },
      perform: { instance, arguments throws(CommandError) in
        guard let options = try ReadingOptions.parse(arguments, name) else { return nil }
        let result = try DaemonConnection(instance, options.control).ask(request)
        return .output(options.isJSON ? result.line : text(result))
      })
  }
}
