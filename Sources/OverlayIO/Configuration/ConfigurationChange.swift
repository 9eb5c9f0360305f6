import OverlayCore

/// What another configuration is for a daemon that runs: what it does from now on, and what waits for its next start.
struct ConfigurationChange {
  /// What the daemon does from now on.
  let running: Configuration
  /// The settings that changed and count from now on, by name, in the order of the table.
  let live: [String]
  /// Those that changed and count from the next start on.
  let needsRestart: [String]

  /// The change from what a daemon does to what another configuration says. What needs no restart waits for one
  /// nevertheless where it is not valid beside what the daemon does: a route of IPv4, before IPv4 is carried. Nothing
  /// else waits with it: a key that was taken back opens nothing from now on.
  init(from old: Configuration, to new: Configuration) {
    let changed = Setting.all.filter { old.texts(of: $0) != new.texts(of: $0) }.map(\.name)
    let immediate = Setting.all.filter { changed.contains($0.name) && !$0.needsRestart }.map(\.name)
    var (running, live) = (old, Set<String>())
    func take(_ names: [String]) -> Bool {
      let waiting = Set(changed).subtracting(live).subtracting(names)
      guard let more = new.with(waiting, of: old) else { return false }
      (running, live) = (more, live.union(names))
      return true
    }
    // Mostly all are valid, or all but one, and some only beside each other.
    if !take(immediate), !immediate.contains(where: { name in take(immediate.filter { $0 != name }) }) {
      while immediate.contains(where: { !live.contains($0) && take([$0]) }) {}
    }
    self.running = running
    self.live = changed.filter { live.contains($0) }
    needsRestart = changed.filter { !live.contains($0) }
  }
}

extension Configuration {
  /// The values of a setting as they count, the default included.
  fileprivate func texts(of setting: Setting) -> [String] {
    let given = entries.filter { $0.setting.name == setting.name }.map(\.value.text)
    if !given.isEmpty { return given }
    if case .flag = setting.kind { return ["no"] }
    return instance.defaultText(of: setting).map { [$0] } ?? []
  }

  /// This one, with what another, for the same daemon, says of the settings of these names; `nil` if that is not valid.
  fileprivate func with(_ names: Set<String>, of other: Configuration) -> Configuration? {
    let entries =
      entries.filter { !names.contains($0.setting.name) } + other.entries.filter { names.contains($0.setting.name) }
    return (try? RunSettings(entries, for: other.instance)).map { settings in
      Configuration(
        settings: settings, entries: entries, files: files, warnings: warnings, instance: other.instance)
    }
  }
}

/// What reading the configuration again did.
public struct ReloadReport: Equatable, Sendable {
  /// What counts from now on, in words.
  public var applied: [String] = []
  /// The settings that changed and count from the next start on, by name.
  public var needsRestart: [String] = []

  /// Nothing changed.
  public init() {}
}

/// Why the configuration was not applied, and what was before counts.
public struct ReloadError: Error, Equatable, CustomStringConvertible {
  /// The line, with the file's line if that is what is wrong.
  public let description: String
}
