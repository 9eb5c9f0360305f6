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
  /// nevertheless where it is not valid beside what the daemon does: a route of IPv4, before IPv4 is carried.
  init(from old: Configuration, to new: Configuration) {
    let changed = Setting.all.filter { old.texts(of: $0) != new.texts(of: $0) }
    let restarting = changed.filter(\.needsRestart).map(\.name)
    let entries =
      new.entries.filter { !restarting.contains($0.setting.name) }
      + old.entries.filter { restarting.contains($0.setting.name) }
    do throws(SettingError) {
      let settings = try RunSettings(entries, for: old.instance)
      running = Configuration(
        settings: settings, entries: entries, files: new.files, warnings: new.warnings, instance: old.instance)
      live = changed.filter { !$0.needsRestart }.map(\.name)
      needsRestart = restarting
    } catch {
      running = old
      live = []
      needsRestart = changed.map(\.name)
    }
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
