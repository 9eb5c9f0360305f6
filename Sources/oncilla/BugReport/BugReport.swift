import OverlayCore
import OverlayIO

/// What somebody who is to find a fault needs to know, without who the user and the peers are.
struct BugReport {
  private var redactor = Redactor()
  private var lines: [String] = []

  /// The first line of each.
  static let warning =
    "Read this before you send it: names, addresses, keys and paths were replaced, and you know best what else tells."
  /// The number of lines of the log at the end.
  static let logLines = 200

  /// Learns who is to be hidden. The first names are the user's own.
  mutating func hide(_ configuration: Configuration?, _ status: JSONObject?, _ instance: Instance) {
    if let name = instance.name { redactor.know(name, as: "instance-1") }
    var own = 0
    var peers = 0
    func isNew(_ name: OnionName, among names: inout Set<OnionName>) -> Bool { names.insert(name).inserted }
    var seen: Set<OnionName> = []
    func learnOwn(_ name: OnionName) {
      guard isNew(name, among: &seen) else { return }
      own += 1
      redactor.know(name, as: "own-\(own)")
    }
    func learnPeer(_ name: OnionName?, _ petname: String?) {
      if let name, isNew(name, among: &seen) {
        peers += 1
        redactor.know(name, as: "peer-\(peers)")
        if let petname { redactor.know(petname, as: "peer-\(peers)") }
      } else if let petname {
        redactor.know(petname, as: "peer-name")
      }
    }
    for (number, identity) in (configuration?.settings.daemon.identities ?? []).enumerated() {
      switch identity.name {
      case .onion(let name): learnOwn(name)
      case .madeByTor(let label?): redactor.know(label.description, as: "identity-\(number + 1)")
      case .hostnameFile, .madeByTor(nil): break
      }
    }
    let identities = status?["identities"]?.array ?? []
    for (number, identity) in identities.enumerated() {
      if let name = BugReport.name(identity) { learnOwn(name) }
      if let label = identity["label"]?.string { redactor.know(label, as: "identity-\(number + 1)") }
    }
    for peer in configuration?.settings.daemon.peers ?? [] { learnPeer(peer.name, peer.petname?.description) }
    for peer in identities.flatMap({ $0["peers"]?.array ?? [] }) {
      learnPeer(BugReport.name(peer), peer["petname"]?.string)
    }
    let interfaces = [configuration?.settings.daemon.interface.name.description, status?["interface"]?.string]
    for interface in interfaces.compactMap({ $0 }) where interface != "oncilla0" {
      redactor.know(interface, as: "interface-1")
    }
    let namespaces = [configuration?.settings.daemon.interface.namespace?.path, status?["namespace"]?.string]
    for path in namespaces.compactMap({ $0 }) {
      if let name = path.split(separator: "/").last { redactor.know(String(name), as: "namespace-1") }
    }
  }

  private static func name(_ value: JSONValue) -> OnionName? {
    guard let text = value["name"]?.string else { return nil }
    return try? OnionName(text)
  }

  /// Adds a part.
  mutating func add(_ title: String, _ body: [String]) {
    lines += ["", "== \(title)"] + (body.isEmpty ? ["(nothing)"] : body.map { $0.singleLine })
  }

  /// Adds a part from whose lines is taken who somebody is.
  mutating func addRedacted(_ title: String, _ body: [String]) {
    add(title, body.map { redactor.redact($0) })
  }

  /// Adds the effective configuration. Only settings that are no free text are shown as they are.
  mutating func add(_ configuration: Configuration) {
    add(
      "Configuration",
      configuration.entries.map { entry in
        let place = redactor.redact(entry.value.origin.place)
        return "\(entry.setting.name) = \(value(of: entry))  # \(place)"
      })
  }

  private mutating func value(of entry: GivenSettings.Entry) -> String {
    switch entry.setting.kind {
    case .flag, .word, .number: return entry.value.text
    case .form:
      return BugReport.readable.contains(entry.setting.name) ? redactor.redact(entry.value.text) : "(set)"
    }
  }

  /// The settings whose text the redactor understands. One that is added later is hidden until somebody has looked.
  private static let readable: Set<String> = [
    "onion", "hostname-file", "peer", "hosts", "socks", "listen", "interface", "netns", "route", "serve",
    "ipv4-address",
    "state-dir", "control", "log", "tor-control",
  ]

  /// Adds a reply of the daemon, a line for each value.
  mutating func add(_ title: String, _ reply: JSONObject) {
    var body: [String] = []
    add(.object(reply), to: &body, indent: "")
    add(title, body)
  }

  private mutating func add(_ value: JSONValue, to body: inout [String], indent: String) {
    for (name, member) in BugReport.members(of: value) {
      switch member {
      case .object, .array:
        body.append("\(indent)\(name):")
        add(member, to: &body, indent: indent + "  ")
      // When somebody was online can be compared with what others saw; ages tell enough.
      case .string where BugReport.times.contains(name): continue
      case .string(let text): body.append("\(indent)\(name): \(redactor.redact(text))")
      case .null: continue
      default: body.append("\(indent)\(name): \(member.text)")
      }
    }
  }

  private static let times: Set<String> = ["time", "since", "started", "last_checked"]

  private static func members(of value: JSONValue) -> [(String, JSONValue)] {
    if let object = value.object { return object.members.map { ($0.name, $0.value) } }
    return (value.array ?? []).enumerated().map { ("\($0.offset + 1)", $0.element) }
  }

  /// The whole text.
  var text: String { ([BugReport.warning] + lines).map { $0 + "\n" }.joined() }
}
