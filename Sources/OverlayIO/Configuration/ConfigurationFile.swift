import OverlayCore

/// Reads one configuration file: settings by their names, and then `[peer PETNAME]` headings, below which `name` is the
/// peer's onion name, `route` a prefix behind it, and `authenticate` what it has to prove.
struct ConfigurationFile {
  /// The largest file in bytes.
  static let mostBytes = 1 << 20

  /// What it says.
  private(set) var given = GivenSettings()

  private let path: String
  private var peer: Peer?
  private var petnames: [String: Int] = [:]

  private struct Peer {
    let petname: String
    let line: Int
    var nameLine: Int?
  }

  /// Reads `content`, the file at `path`. Throws the first thing that is wrong with it, and its line.
  /// With `ofPeersAlone`, nothing but peers is accepted: more people may write such files than decide on the daemon.
  static func read(
    _ content: [UInt8], of path: String, ofPeersAlone: Bool = false
  ) throws(SettingError) -> GivenSettings {
    var file = ConfigurationFile(path: path)
    file.ofPeersAlone = ofPeersAlone
    try INIFile.read(content, of: path) { item, line throws(SettingError) in
      switch item {
      case .heading(let text): try file.begin(text, line)
      case .pair(let key, let value): try file.take(key, value, line)
      }
    }
    try file.finish()
    return file.given
  }

  private var ofPeersAlone = false

  private init(path: String) { self.path = path }

  private mutating func begin(_ heading: String, _ line: Int) throws(SettingError) {
    try finish()
    let words = heading.split { $0 == " " || $0 == "\t" }.map(String.init)
    guard words.first == "peer" else {
      let isMeant = words.first.map { Suggestion.nearest(to: $0.lowercased(), among: ["peer"]) != nil } == true
      let shown = "[\(heading.quotedLine(limit: 60))]"
      throw malformed(
        line, "\(shown) is no heading\(isMeant ? "; did you mean [peer PETNAME]?" : "; [peer PETNAME] is")")
    }
    guard words.count == 2, let petname = Petname(words[1][...]) else {
      throw malformed(
        line, "[peer PETNAME] is accepted, with a petname of 1 to 63 letters, digits and inner hyphens")
    }
    if let earlier = petnames.updateValue(line, forKey: petname.description.lowercased()) {
      throw malformed(line, "[peer \(petname)] stands in line \(earlier) already")
    }
    peer = Peer(petname: petname.description, line: line)
  }

  private func finish() throws(SettingError) {
    guard let peer, peer.nameLine == nil else { return }
    throw malformed(peer.line, "[peer \(peer.petname)] needs a line 'name = ONION', its onion name")
  }

  private mutating func take(_ key: String, _ value: String, _ line: Int) throws(SettingError) {
    if peer != nil { return try takeOfPeer(key, value, line) }
    guard let setting = Setting.all.first(where: { $0.name == key }) else { throw unknown(key, line) }
    if ofPeersAlone { throw malformed(line, "a file of peers.d holds [peer PETNAME] and what follows it alone") }
    try given.add(setting, GivenValue(value, from: .file(path, line: line, key: key)))
  }

  private mutating func takeOfPeer(_ key: String, _ value: String, _ line: Int) throws(SettingError) {
    guard let peer else { return }
    let origin = Origin.file(path, line: line, key: key)
    switch key {
    case "name":
      if let earlier = peer.nameLine { throw .repeated(origin, .file(path, line: earlier, key: key)) }
      self.peer?.nameLine = line
      guard !value.contains("=") else {
        throw .refused(
          GivenValue(value, from: origin), reason: "[ADDRESS/]ONION is accepted; the petname is that above")
      }
      try add("peer", "\(peer.petname)=\(value)", origin)
    case "route":
      guard !value.contains(",") else {
        throw .refused(GivenValue(value, from: origin), reason: "PREFIX is accepted: it lies behind the peer above")
      }
      try add("route", "\(value),via=\(peer.petname)", origin)
    case "key": try add("peer-key", "\(peer.petname)=\(value)", origin)
    case "authenticate": try add("peer-authenticate", "\(peer.petname)=\(value)", origin)
    case _ where Setting.all.contains { $0.name == key }:
      throw malformed(line, "'\(key)' is no key of [peer \(peer.petname)]: it stands before the first heading")
    default:
      let keys = ["name", "route", "key", "authenticate"]
      let hint = Suggestion.nearest(to: key, among: keys).map { "did you mean \($0)?" }
      throw malformed(
        line,
        "'\(key.quotedLine(limit: 60))' is no key of a peer; \(hint ?? "\(keys.listed(with: "and")) are accepted")")
    }
  }

  private mutating func add(_ name: String, _ text: String, _ origin: Origin) throws(SettingError) {
    guard let setting = Setting.all.first(where: { $0.name == name }) else { return }
    try given.add(setting, GivenValue(text, from: origin))
  }

  private func unknown(_ key: String, _ line: Int) -> SettingError {
    let shown = key.quotedLine(limit: 60)
    let plain = key.drop { $0 == "-" }.lowercased()
    guard let meant = Suggestion.nearest(to: plain, among: Setting.all.map(\.name)) else {
      return malformed(line, "unknown key '\(shown)'; 'man oncilla.conf' lists what is accepted")
    }
    return malformed(line, "unknown key '\(shown)'; did you mean \(meant)?")
  }

  private func malformed(_ line: Int, _ reason: String) -> SettingError {
    .malformed(.line(path, line), reason: reason)
  }
}
