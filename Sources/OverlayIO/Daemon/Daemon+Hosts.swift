import OverlayCore

/// The names of permanent peers and of this host, for programs that read a hosts file.
extension Daemon {
  /// Lets the file that the settings name have lines for the permanent peers and for this host, and one that they named
  /// before none.
  ///
  /// The lines stay when the daemon ends: a name that is no longer in the file is asked of the DNS, outside, while an
  /// address without a daemon behind it leads to the guard.
  func keepHosts() {
    if let keptHosts, keptHosts.path != settings.keptHostsFile {
      keptHosts.keep([])
      self.keptHosts = nil
    }
    guard let path = settings.keptHostsFile else { return }
    let kept = keptHosts ?? KeptHosts(path, owner: "\(settings.interface.name)", log: log, by: room)
    keptHosts = kept
    kept.keep(settings.hostsLines(own: pump?.names ?? []))
  }
}

extension DaemonSettings {
  /// The lines of a hosts file for the permanent peers, and for this host, whose onion names these are. Those stand
  /// there by their addresses alone: who reads the file need not learn which belong together.
  public func hostsLines(own names: [OnionName]) -> [String] {
    // In TAP mode all but the first are hosts of the LAN.
    let here = mode == .tap ? Array(names.prefix(hasAddress ? 1 : 0)) : names
    let own = here.map(\.address) + [OverlayNetwork.tor.localResponder]
    return peers.map { HostsBlock.Entry($0.name, petname: $0.petname).line(zone: dnsZone) }
      + own.map { HostsBlock.line(own: $0, zone: dnsZone) }
  }

  /// The onion names of this host that its configuration tells.
  public var ownNames: [OnionName] {
    identities.compactMap { if case .onion(let name) = $0.name { name } else { nil } }
  }
}
