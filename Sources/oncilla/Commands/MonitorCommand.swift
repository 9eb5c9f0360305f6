import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla monitor`: events as they happen.
  static let monitor = Command(
    name: "monitor",
    usage: "[OPTION]...",
    summary: "print what happens, as it happens, until interrupted",
    details: ["Prints a line for each event: its time, what happened, and the peer. With --json a line of JSON each."],
    optionRows: ReadingOptions.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      guard let options = try ReadingOptions.parse(arguments, "monitor") else { return nil }
      let daemon = try DaemonConnection(instance, options.control)
      _ = try daemon.ask("monitor")
      while true {
        guard let event = try daemon.next(within: .seconds(3_600)) else { continue }
        guard Console.write(options.isJSON ? event.line : EventText.line(event) + "\n") else { return .output("") }
      }
    })
}

/// Events for people.
enum EventText {
  /// Returns the line of an event.
  static func line(_ event: JSONObject) -> String {
    var parts = [event["time"]?.string ?? "", (event["event"]?.string ?? "?")]
    if event["address"] != nil { parts.append(PeerText.label(.object(event))) }
    for member in event.members where !["time", "event", "petname", "address", "name"].contains(member.name) {
      switch member.value {
      case .string(let text): parts.append(text)
      case .integer(let number): parts.append("\(member.name)=\(number)")
      case .array(let values): parts.append(values.compactMap(\.string).joined(separator: ", "))
      default: break
      }
    }
    return parts.joined(separator: " ").quotedLine(limit: 1_000)
  }
}
