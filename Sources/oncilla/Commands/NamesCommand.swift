import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla names`: all of them, however many there are, part by part.
  static let names = Command(
    name: "names",
    usage: "[OPTION]...",
    summary: "show the names that are known, and where each comes from",
    details: [
      """
      Prints a line for each, with the time since it was last told or reached, and until it is tried anew: those from \
      better sources first, and those from one source by their addresses. At last it says how many there are.
      """
    ],
    optionRows: ReadingOptions.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      guard let options = try ReadingOptions.parse(arguments, "names") else { return nil }
      let daemon = try DaemonConnection(instance, options.control)
      var list = NameList(isJSON: options.isJSON)
      try daemon.forEachPartOfNames { part in Console.write(list.text(of: part)) }
      return .output("")
    })
}

extension DaemonConnection {
  /// Asks for all names, and hands on the members of each reply until there are no more, or `body` returns false.
  func forEachPartOfNames(_ body: (JSONObject) -> Bool) throws(CommandError) {
    var rest: JSONObject? = [:]
    while let arguments = rest {
      let part = try ask("names", arguments)
      guard body(part) else { return }
      rest = part["next"]?.string.map { ["after": .string($0)] }
    }
  }
}

/// The list of names as it is written, part by part.
struct NameList {
  private let isJSON: Bool
  private let style: Style
  private var table = Table([
    ("ADDRESS", .left), ("NAME", .left), ("SOURCE", .left), ("AGE", .right), ("EXPIRES IN", .right),
  ])
  private var count = 0

  /// A list for a program, or for people.
  init(isJSON: Bool, style: Style = Console.style) { (self.isJSON, self.style) = (isJSON, style) }

  /// The text of the next part, which is what the daemon answered. The last one, which has no `next`, ends the list.
  mutating func text(of part: JSONObject) -> String {
    let names = part["names"]?.array ?? []
    let isFirst = count == 0
    count += names.count
    let end = part["next"]?.string == nil ? end(with: part) : ""
    if isJSON {
      let start = isFirst ? "{\"names\":[" : names.isEmpty ? "" : ","
      return start + names.map(\.text).joined(separator: ",") + end
    }
    for name in names { table.add(NameList.row(name)) }
    defer { table.goOn() }
    return table.text(style) + end
  }

  private func end(with part: JSONObject) -> String {
    // A daemon of an older version tells a part alone.
    let omitted = part["names_total"] == nil ? part["names_omitted"]?.integer ?? 0 : 0
    let (total, conflicts) = (Int64(count) + omitted, part["conflicts"]?.integer ?? 0)
    if isJSON {
      return "],\"names_omitted\":\(omitted),\"names_total\":\(total),\"conflicts\":\(conflicts)}\n"
    }
    return (omitted > 0 ? "and \(omitted) more: " : "") + "\(total) name\(total == 1 ? "" : "s")\n"
      + (conflicts > 0 ? "\(conflicts) time\(conflicts == 1 ? "" : "s") another name was told for one of them\n" : "")
  }

  private static func row(_ name: JSONValue) -> [String] {
    [
      name["address"]?.string ?? "?", name["petname"]?.string ?? name["name"]?.string ?? "?",
      name.object.map(NameText.source) ?? "?", NameText.duration(name["age_seconds"]),
      NameText.expiry(name["expires_seconds"]),
    ]
  }
}
