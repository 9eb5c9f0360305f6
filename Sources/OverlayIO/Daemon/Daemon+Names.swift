import OverlayCore

/// The names of the overlay, for this host's programs.
extension Daemon {
  /// Answers where the settings say.
  func answerNames() throws {
    guard !settings.dns.isEmpty, let server = LocalNameServer(zone: settings.dnsZone) else { return }
    nameServer = try NameServer(
      server, at: settings.dns, in: settings.interface.namespace, on: loop, log: log,
      names: { [unowned self] in KnownNames(peers: settings.peers, pump: pump) },
      wanted: { [unowned self] name in _ = pump?.withEach { node, turn in node.learn(name, turn: &turn) } })
  }
}

/// The names that a daemon knows: those of its permanent peers, and those that it has learned.
private struct KnownNames: LocalNames {
  let peers: [ConfiguredPeer]
  let pump: Pump?

  func address(of petname: Petname) -> IPv6Address? { peers.first { $0.petname == petname }?.name.address }

  func petname(of address: IPv6Address) -> Petname? { peers.first { $0.name.address == address }?.petname }

  func name(of address: IPv6Address) -> OnionName? {
    if let peer = peers.first(where: { $0.name.address == address }) { return peer.name }
    return pump?.withFirst { node, _ in node.name(of: address) } ?? nil
  }
}
