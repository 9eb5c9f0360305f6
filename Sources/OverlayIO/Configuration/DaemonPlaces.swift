import OverlayCore

/// Where a daemon has what its clients look for: where the files of its configuration say, as far as this user may read
/// them, and else where those of its instance are. What is wrong or hidden elsewhere in them is in nobody's way: the
/// daemon that runs may have been started before it was written.
public struct DaemonPlaces: Equatable, Sendable {
  /// The control socket; `nil` if the daemon is to have none.
  public private(set) var control: String?
  /// The state directory; `nil` if the daemon is to have none.
  public private(set) var stateDirectory: String?

  /// Those of the daemon with this configuration.
  public init(_ source: ConfigurationSource) {
    control = source.instance.controlSocket
    stateDirectory = source.instance.stateDirectory
    for path in source.readablePaths {
      guard let content = try? readFile(path, limit: ConfigurationFile.mostBytes) else { continue }
      var isOfPeer = false
      try? INIFile.read(content, of: path) { item, _ throws(SettingError) in
        switch item {
        case .heading: isOfPeer = true
        case .pair(let key, let value): if !isOfPeer { take(key, value) }
        }
      }
    }
  }

  private mutating func take(_ key: String, _ value: String) {
    switch key {
    case "control":
      if value == "none" { control = nil } else if let path = try? SettingValue.socketPath(value) { control = path }
    case "state-dir":
      if value == "none" {
        stateDirectory = nil
      } else if let path = try? SettingValue.path(value) {
        stateDirectory = path
      }
    default: break
    }
  }
}
