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
  mutating func note(_ capabilities: Capabilities?, of name: OnionName) {
    names.note(capabilities, of: name)
    guard let peer = peers[name] else { return }
    for circuit in [peer.link.circuit, peer.successor?.circuit].compactMap(\.self) + peer.bulk.compactMap(\.circuit) {
      circuits[circuit].takesSuperPackets = capabilities?.contains(.superPackets) == true
    }
  }
}
