extension Node {
  /// Takes the hosts file's names in place of those that it held before. Circuits to names that it took away are
  /// closed. Those of this host are passed over.
  public mutating func replaceHosts<Device: PacketSink & ~Copyable>(
    with hosts: HostNames, at now: Instant, device: inout Device
  ) {
    for name in names.replaceHosts(with: hosts) {
      guard let circuit = peers[name]?.link.circuit else { continue }
      close(circuit, .unneeded, at: now, device: &device)
    }
  }

  /// Takes note of what a peer says that it can do, for the circuits to it and for those to come.
  mutating func note(_ capabilities: Capabilities, of name: OnionName) {
    names.note(capabilities, of: name)
    guard let peer = peers[name] else { return }
    for circuit in [peer.link.circuit].compactMap(\.self) + peer.bulk.compactMap(\.circuit) {
      circuits[circuit].takesSuperPackets = capabilities.contains(.superPackets)
    }
  }

  /// The peers and counters, a line each, for an operator who asks.
  public func report(at now: Instant) -> [String] {
    var lines = ["\(settings.name.address) is \(settings.name), \(names.count) names known, Tor is \(tor)"]
    let shown =
      peers.values.filter(\.isPermanent).sorted { $0.label < $1.label }
      + peers.values.filter { !$0.isPermanent }.prefix(settings.bounds.reportedPeers)
    for peer in shown {
      let link =
        switch peer.link {
        case .none: "no circuit"
        case .dialling(let circuit): "dialling for \(seconds(since: circuits[circuit].began, now)) s"
        case .open(let circuit):
          "circuit open for \(seconds(since: circuits[circuit].began, now)) s, "
            + "\(circuits[circuit].bulk.count { $0 != nil }) more for bulk"
        }
      lines.append("\(peer.label): \(peer.name.address) \(peer.name): \(link)")
    }
    if shown.count < peers.count { lines.append("and \(peers.count - shown.count) more peers") }
    let accepted = circuits.identifiers.count { circuits[$0].dialledPeer == nil }
    lines.append("accepted circuits: \(accepted)")
    lines.append("counters: \(counters.summary)")
    return lines
  }

  private func seconds(since earlier: Instant, _ now: Instant) -> Int64 { (now - earlier).components.seconds }
}
