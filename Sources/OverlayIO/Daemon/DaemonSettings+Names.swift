import OverlayCore

extension DaemonSettings {
  /// What the configuration and the hosts file, as far as this user can read it, say of an address without a daemon,
  /// and where it stands; `nil` if that is nothing.
  public func givenName(at address: IPv6Address) -> (name: OnionName, source: NameSource)? {
    for identity in identities {
      if case .onion(let name) = identity.name, name.address == address { return (name, .own) }
    }
    if let peer = peers.first(where: { $0.name.address == address }) { return (peer.name, .configuration) }
    guard let hostsFile, let bytes = try? readFile(hostsFile, limit: HostsFile.mostBytes) else { return nil }
    let name = HostsFile(parsing: bytes, servicePort: servicePort).names.first { $0.address == address }
    return name.map { ($0, .hostsFile) }
  }
}
