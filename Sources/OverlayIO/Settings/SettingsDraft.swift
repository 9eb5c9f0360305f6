import OverlayCore

/// Settings while they are read from one source after the other; the command line is such a source. What is read later
/// replaces an earlier value of the same setting, and adds to a repeatable one. The first values of the properties only
/// fill the places of settings that have a default in the table. Where a value cannot be judged before all are read,
/// its text and origin are kept for an error.
public struct SettingsDraft: Sendable {
  /// What needs no other setting to be understood.
  var daemon = DaemonSettings(identities: [])
  /// Who this host is, by name.
  var onions: [OnionSetting] = []
  /// Who else it is, whose names Tor tells.
  var identitiesOfTor: [IdentitySetting] = []
  /// The peers whose names were given with a port.
  var peersWithPort: [(given: GivenValue, port: UInt16)] = []
  /// The file that tells who this host is.
  var hostnameFile: (origin: Origin, path: String)?
  /// Where identities listen, unless they say so themselves.
  var listen: [(origin: Origin, address: SocketAddress)] = []
  /// The keys of private peers.
  var peerKeys: [(given: GivenValue, petname: Petname, key: [UInt8])] = []
  /// What single peers have to prove.
  var peerAuthentications: [(given: GivenValue, petname: Petname, authentication: Authentication)] = []
  /// What lies behind peers.
  var routes: [RouteSetting] = []
  /// What lies behind this host.
  var served: [(given: GivenValue, prefix: IPPrefix)] = []
  /// What the door lets in.
  var doorRules: [DoorSetting] = []
  /// The interface's IPv4 address.
  var ipv4Address: (given: GivenValue, value: IPv4InterfaceAddress)?
  /// The least important level that is logged.
  var logLevel = LogLevel.notice
  /// Where the log goes.
  var logTarget = LogTarget.standardError
  /// Where each setting that was given was last given, by its name.
  private(set) var origins: [String: Origin] = [:]

  /// The daemon that the settings are for.
  let instance: Instance

  /// A draft in which nothing was given.
  public init(for instance: Instance = .standard) { self.instance = instance }

  /// Reads a value of `setting`. Throws if the setting refuses it by itself, or beside an earlier value of its own.
  public mutating func read(_ setting: Setting, _ given: GivenValue) throws(SettingError) {
    try given.reading { () throws(SettingValue.Refusal) in try setting.read(&self, given) }
    origins[setting.name] = given.origin
  }

  /// The settings, once everything is read: what was not given has its default. Throws if something is missing, or if
  /// settings contradict each other.
  public func settings() throws(SettingError) -> RunSettings {
    var draft = self
    try requireOwnPlaces()
    for setting in Setting.all where origins[setting.name] == nil {
      guard let text = instance.defaultText(of: setting) else { continue }
      let given = GivenValue(text, from: .table(setting.name))
      try given.reading { () throws(SettingValue.Refusal) in try setting.read(&draft, given) }
    }
    return RunSettings(daemon: try draft.daemonSettings(), logLevel: draft.logLevel, logTarget: draft.logTarget)
  }
}

/// All settings of `oncilla run`, checked.
public struct RunSettings: Equatable, Sendable {
  /// What the daemon is to do.
  public var daemon: DaemonSettings
  /// The least important level that is logged.
  public var logLevel: LogLevel
  /// Where the log goes.
  public var logTarget: LogTarget

  /// Settings of these values.
  public init(daemon: DaemonSettings, logLevel: LogLevel, logTarget: LogTarget) {
    self.daemon = daemon
    self.logLevel = logLevel
    self.logTarget = logTarget
  }
}
