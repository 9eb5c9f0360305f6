import OverlayCore

/// The names of permanent peers, for programs that read a hosts file.
extension Daemon {
  /// Lets the file that the settings name have lines for the permanent peers, and one that they named before none.
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
    kept.keep(settings.hostsLines)
  }
}

extension DaemonSettings {
  /// The lines of a hosts file for the permanent peers.
  public var hostsLines: [String] {
    peers.map { HostsBlock.Entry($0.name, petname: $0.petname).line(zone: dnsZone) }
  }
}
