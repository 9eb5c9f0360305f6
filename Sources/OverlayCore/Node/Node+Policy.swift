/// Changes of policy while the node runs.
extension Node {
  /// Replaces the names of the hosts file. It closes circuits to names that are gone, and passes over names of this
  /// host.
  public mutating func replaceHosts<Device: PacketDevice & ~Copyable>(
    with hosts: HostNames, turn: inout Turn<Device>
  ) {
    for name in names.replaceHosts(with: hosts) { leave(name, turn: &turn) }
  }

  /// Applies a policy in place of the one before, and returns what changed. It closes circuits to peers that are not
  /// configured any more, and dials new ones.
  public mutating func apply<Device: PacketDevice & ~Copyable>(
    _ policy: NodePolicy, turn: inout Turn<Device>
  ) -> [PolicyChange] {
    let before = settings.policy
    let old = NodeConfiguration(before, onThisSide: settings.onThisSide)
    let new = NodeConfiguration(policy, onThisSide: settings.onThisSide)
    settings.policy = policy
    router.table = new.table
    admission.table = new.table
    if settings.dialsPeers { peers.keepConfigured(new.peers.map(\.peer.name)) }
    for name in names.replaceConfiguration(with: new.names) { leave(name, turn: &turn) }
    if settings.dialsPeers {
      for (label, peer) in new.peers { peers.configure(peer.name, label: label) }
    }
    peers.change(
      idle: policy.idle, circuitsPerPeer: policy.circuitsPerPeer, names: &names, streams: &streams, out: &out,
      at: turn.now)
    var changes = new.changes(from: old)
    if policy.idle != before.idle { changes.append(.idle(policy.idle)) }
    if policy.circuitsPerPeer != before.circuitsPerPeer { changes.append(.circuitsPerPeer(policy.circuitsPerPeer)) }
    return changes
  }

  /// Sets the addresses of all identities of this host. No name is known for them any more, and circuits to such a name
  /// end when they are idle, because nothing is sent there.
  mutating func siblingsChanged(to addresses: Set<IPv6Address>) {
    guard addresses != settings.siblings else { return }
    settings.siblings = addresses
    peers.siblingsChanged(to: addresses)
    names.set(onThisSide: settings.onThisSide)
  }

  /// Closes the first circuit to a name, and with it the others.
  private mutating func leave<Device: PacketDevice & ~Copyable>(_ name: OnionName, turn: inout Turn<Device>) {
    guard let circuit = peers.firstCircuit(to: name) else { return }
    close(circuit, .unneeded, turn: &turn)
  }
}
