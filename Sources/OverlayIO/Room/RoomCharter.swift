import OverlayCore

/// What the helper may be asked for: what the daemon does by the configuration that the helper read itself, and, while
/// the daemon changes from one to another, by the one before.
struct RoomCharter {
  private let source: ConfigurationSource
  // What the daemon does, and what it did before.
  private var configurations: [Configuration]
  private var addresses: [IPv6Address]?

  /// The charter of a daemon whose configuration is read from `source`, and says this.
  init(_ configuration: Configuration, from source: ConfigurationSource) {
    configurations = [configuration]
    self.source = source
  }

  /// Reads the configuration again, of which a running daemon does what needs no restart.
  mutating func readAgain() throws(SettingError) {
    let change = ConfigurationChange(from: configurations[0], to: try source.load())
    configurations = [change.running] + configurations.prefix(1)
  }

  /// The daemon does what was read last, or could not do all of it and goes on as before.
  mutating func settle(isNew: Bool) {
    guard configurations.count > 1 else { return }
    configurations = [configurations[isNew ? 0 : 1]]
  }

  private var settings: [DaemonSettings] { configurations.map(\.settings.daemon) }

  // MARK: - The interface

  /// Whether the interface may be asked for this. The first addresses that it is given are those that it keeps, and of
  /// the overlay.
  mutating func allows(_ request: PrivilegedRequest) -> Bool {
    switch request {
    case .installLeakGuard, .openTunnel, .openMonitor, .restoreInterface, .lookForSourceAddress, .forgetConnections,
      .becomeMulticastRouterPort:
      return true
    case .removeLeakGuards, .lookForLeakGuards:
      return false
    case .configureInterface(let addresses):
      guard addresses.allSatisfy({ OverlayNetwork.tor.prefix.contains($0) }) else { return false }
      guard (self.addresses ?? addresses) == addresses else { return false }
      self.addresses = addresses
      return true
    case .setPrefixes(let routes, let served):
      return settings.contains { ($0.interface.routes, $0.interface.served) == (routes, served) }
    }
  }

  // MARK: - Paths

  /// Whether the path may be opened for this use. The configuration is read by whoever does what it says.
  func allows(_ path: String, _ use: RoomRequest.Use, for client: RoomClient) -> Bool {
    let isOfConfiguration = source.mayHold(path) || isDirectory(path)
    let isPumps = client == .pump
    return switch use {
    case .read, .readPlain: source.mayHold(path) || isPumps && isReadable(path)
    case .directory: isDirectory(path)
    case .place, .placePlain:
      isOfConfiguration || path.hasSuffix("/") && isDirectory(String(path.dropLast()))
        || isPumps && (isReadable(path) || allowsRemoval(of: path) || isWatched(path))
    case .log: isPumps && configurations.contains { $0.settings.logTarget == .file(path) }
    }
  }

  /// Whether these changes at the path may be watched: of a file that is read, or of a directory on the way to it.
  func allowsWatch(_ path: String, _ mask: UInt32) -> Bool { FileWatcher.masks.contains(mask) && isWatched(path) }

  private func isWatched(_ path: String) -> Bool {
    watchedFiles.contains { file in
      let start = file.hasPrefix("/") ? "/" : "."
      return path == file || path == start || !path.isEmpty && file.hasPrefix(path.hasSuffix("/") ? path : path + "/")
    }
  }

  /// Whether Tor has a UNIX socket there that is for this client: whoever reads what strangers send has nothing to say
  /// to Tor.
  func allowsConnection(to path: String, for client: RoomClient) -> Bool {
    configurations.contains { configuration in
      switch client {
      // Where nothing is said the daemon has looked for Tor's UNIX socket, at another moment than this process.
      case .pump where !configuration.entries.contains(where: { $0.setting.name == "socks" }):
        path == SocketAddress.torSocketPath
      case .pump: configuration.settings.daemon.socks == .unix(path)
      case .torKeeper: configuration.settings.daemon.torControl == .unix(path)
      }
    }
  }

  /// Whether the daemon makes a socket there.
  func allowsRemoval(of path: String) -> Bool {
    settings.contains { settings in
      settings.control == path || settings.dns.contains(.unix(path))
    }
  }

  /// Whether the client keeps a file of the state directory at this path.
  func isKept(_ path: String, by client: RoomClient) -> Bool {
    settings.contains { $0.keptFiles(of: client).contains(path) }
  }

  private var watchedFiles: [String] {
    settings.flatMap { settings -> [String] in
      let names = settings.identities.compactMap { identity -> String? in
        if case .hostnameFile(let path) = identity.name { path } else { nil }
      }
      return names + [settings.hostsFile].compactMap(\.self)
    }
  }

  /// Whether the path may be that of the cookie of Tor's control port, which Tor tells.
  func mayBeCookie(_ path: String, for client: RoomClient) -> Bool {
    client == .torKeeper && settings.contains { $0.torControl != nil } && path.hasSuffix("cookie")
      && path.hasPrefix("/")
  }

  private func isReadable(_ path: String) -> Bool {
    watchedFiles.contains(path) || [UserFiles.usersPath, UserFiles.groupsPath].contains(path)
  }

  private func isDirectory(_ path: String) -> Bool { source.directories.contains(path) }

  // MARK: - Hosts and hooks

  /// The owner and the zone of the block that is kept in the hosts file at this path; `nil` if there is to be none.
  func hosts(at path: String) -> (owner: String, zone: String)? {
    settings.first { $0.keptHostsFile == path }.map { ("\($0.interface.name)", $0.dnsZone) }
  }

  /// Whether this is the line of a peer or of this host, as the block has it.
  static func isHostsLine(_ line: String, zone: String) -> Bool {
    let fields = line.split(separator: " ")
    if let address = fields.first.flatMap({ IPv6Address($0) }), OverlayNetwork.tor.contains(address),
      HostsBlock.line(own: address, zone: zone) == line
    {
      return true
    }
    guard let last = fields.last, let name = try? OnionName(last) else { return false }
    var petname: Petname?
    if fields.count > 2 {
      guard fields[1].hasSuffix("." + zone) else { return false }
      petname = Petname(fields[1].dropLast(zone.utf8.count + 1))
    }
    return HostsBlock.Entry(name, petname: petname).line(zone: zone) == line
  }

  /// Whether the configuration has this hook.
  func allows(_ hook: Hook) -> Bool { settings.contains { $0.hooks.contains(hook) } }

  /// The interface of the daemon.
  var interface: InterfaceSettings { configurations[0].settings.daemon.interface }
}

extension ConfigurationSource {
  /// Whether a file at this path would be one of the configuration's.
  fileprivate func mayHold(_ path: String) -> Bool {
    if let file { return path == file }
    if path == "\(directory)/oncilla.conf" { return true }
    return ["conf.d", "peers.d"].contains { folder in
      let start = "\(directory)/\(folder)/"
      guard path.hasPrefix(start), path.hasSuffix(".conf") else { return false }
      let name = path.dropFirst(start.count)
      return !name.contains("/") && !name.hasPrefix(".")
    }
  }

  /// The directories that its files are in.
  fileprivate var directories: [String] {
    if let file { return [StateDirectory.parent(of: file)] }
    return [directory, "\(directory)/conf.d", "\(directory)/peers.d"]
  }
}
