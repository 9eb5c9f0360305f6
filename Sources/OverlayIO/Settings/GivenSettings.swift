import OverlayCore

/// What one source, a file or the command line, says: settings and their values in order, each valid by itself and
/// beside those before it.
public struct GivenSettings: Sendable {
  /// One of them.
  public struct Entry: Sendable {
    /// The setting.
    public let setting: Setting
    /// Its value; `yes` or `no` for a flag.
    public let value: GivenValue
  }

  /// All, in their order.
  public private(set) var entries: [Entry] = []
  // What is refused beside something else of the same source is refused where it stands.
  private var draft = SettingsDraft()

  /// Nothing.
  public init() {}

  /// Adds a value. Throws if the setting refuses it, or if there is one and it is accepted once.
  public mutating func add(_ setting: Setting, _ given: GivenValue) throws(SettingError) {
    if !setting.isRepeatable, let earlier = entries.first(where: { $0.setting.name == setting.name }) {
      throw .repeated(given.origin, earlier.value.origin)
    }
    let entry = Entry(setting: setting, value: given)
    try draft.read(entry)
    entries.append(entry)
  }

  /// Whether there is a value of the setting of this name.
  func contains(_ name: String) -> Bool { entries.contains { $0.setting.name == name } }
}

extension SettingsDraft {
  /// Reads an entry. A flag that is `no` is as if it were not given.
  mutating func read(_ entry: GivenSettings.Entry) throws(SettingError) {
    guard case .flag = entry.setting.kind else { return try read(entry.setting, entry.value) }
    switch entry.value.text {
    case "yes": try read(entry.setting, GivenValue("", from: entry.value.origin))
    case "no": break
    default: throw .refused(entry.value, reason: "yes or no is accepted")
    }
  }
}

/// All that a daemon is told, by files in their order and by the command line.
public struct SettingSources: Sendable {
  /// The files.
  public var files: [GivenSettings] = []
  /// The command line.
  public var options = GivenSettings()

  /// Nothing.
  public init() {}

  /// What counts, in order. A value of a later file replaces one of an earlier file, and an option replaces both; those
  /// of a repeatable setting are added to those before them. Only who this host is, and where it listens, is not added
  /// to: an option says it anew.
  public var effective: [GivenSettings.Entry] {
    let isNamed = options.contains("onion") || options.contains("hostname-file")
    var replaced: Set<String> = isNamed ? ["onion", "hostname-file"] : []
    if options.contains("listen") { replaced.insert("listen") }
    let all = files.flatMap(\.entries).filter { !replaced.contains($0.setting.name) } + options.entries
    var last: [String: Int] = [:]
    for (index, entry) in all.enumerated() where !entry.setting.isRepeatable { last[entry.setting.name] = index }
    return all.enumerated().filter { last[$0.element.setting.name, default: $0.offset] == $0.offset }.map(\.element)
  }
}

extension RunSettings {
  /// The settings that these entries give a daemon of `instance`. Throws if something is missing, or if they contradict
  /// each other.
  public init(_ entries: [GivenSettings.Entry], for instance: Instance) throws(SettingError) {
    var draft = SettingsDraft(for: instance)
    for entry in entries { try draft.read(entry) }
    self = try draft.settings()
  }
}
