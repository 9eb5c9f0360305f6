/// Changes of policy while the node runs.
extension Node {
  /// Replaces the names of the hosts file. It closes circuits to names that are gone, and passes over names of this
  /// host.
  public mutating func replaceHosts<Device: PacketDevice & ~Copyable>(
    with hosts: HostNames, turn: inout Turn<Device>
  ) {
    for name in names.replaceHosts(with: hosts) { leave(name, turn: &turn) }
    endSearches(turn: &turn)
  }

  /// Learns a name that a program of this host asked for: it is as good as one from the lookup service, which nobody
  /// has to be asked for any more.
  public mutating func learn<Device: PacketDevice & ~Copyable>(_ name: OnionName, turn: inout Turn<Device>) {
    guard !settings.onThisSide.contains(name.address) else { return }
    // That somebody here asks for it counts for more than what others have said, and nobody has shown.
    if let other = names.name(of: name.address), other != name, names.isUnreached(other) {
      _ = names.forgetLearned(name.address)
    }
    _ = names.learn(name, from: .lookup, by: .program, at: turn.now)
    endSearches(turn: &turn)
  }

  /// Applies a policy in place of the one before, and returns what changed. It closes circuits to peers that are not
  /// configured any more, and dials new ones.
  public mutating func apply<Device: PacketDevice & ~Copyable>(
    _ policy: NodePolicy, turn: inout Turn<Device>
  ) -> [PolicyChange] {
    let before = settings.policy
    let old = NodeConfiguration(before, onThisSide: settings.onThisSide)
    settings.policy = policy
    let new = configure(turn: &turn)
    peers.change(
      idle: policy.idle, circuitsPerPeer: policy.circuitsPerPeer, names: &names, streams: &streams, out: &out,
      at: turn.now)
    peers.change(lookup: policy.lookup, at: turn.now)
    door.use(policy.door)
    streams.change(to: policy.rates, at: turn.now)
    peers.change(
      authentication: policy.authentication, of: policy.authentications, names: &names, streams: &streams, out: &out,
      at: turn.now)
    admitWaiting(turn: &turn)
    endSearches(turn: &turn)
    var changes = new.changes(from: old)
    if policy.lookup != before.lookup { changes.append(.lookup(policy.lookup)) }
    if policy.authentication != before.authentication { changes.append(.authentication(policy.authentication)) }
    if policy.authentications != before.authentications { changes.append(.authentications) }
    if policy.idle != before.idle { changes.append(.idle(policy.idle)) }
    if policy.circuitsPerPeer != before.circuitsPerPeer { changes.append(.circuitsPerPeer(policy.circuitsPerPeer)) }
    if policy.scrubs != before.scrubs { changes.append(.scrub(policy.scrubs)) }
    return changes
  }

  /// Sets the addresses of all identities of this host. No name is known for them any more, whoever named them, and
  /// circuits to and from such names are closed. A configured peer whose address no identity has any more is dialled.
  mutating func siblingsChanged<Device: PacketDevice & ~Copyable>(
    to addresses: Set<IPv6Address>, turn: inout Turn<Device>
  ) {
    guard addresses != settings.siblings else { return }
    settings.siblings = addresses
    peers.siblingsChanged(to: addresses)
    let lost = addresses.compactMap { names.name(of: $0) }
    names.set(onThisSide: settings.onThisSide)
    _ = configure(turn: &turn)
    for name in lost { leave(name, turn: &turn) }
    for address in addresses {
      for call in peers.circuits(from: address) { close(call, .unneeded, turn: &turn) }
    }
    peers.dialConfigured(names: &names, streams: &streams, out: &out, at: turn.now)
  }

  /// Takes what counts of the policy in place of what counted before.
  private mutating func configure<Device: PacketDevice & ~Copyable>(turn: inout Turn<Device>) -> NodeConfiguration {
    let configuration = NodeConfiguration(settings.policy, onThisSide: settings.onThisSide)
    router.use(configuration.table)
    admission.use(configuration.table)
    peers.use(labels: configuration.labels)
    if settings.dialsPeers { peers.keepConfigured(configuration.peers.map(\.name)) }
    for name in names.replaceConfiguration(with: configuration.names) { leave(name, turn: &turn) }
    for address in peers.keep(toGroup: configuration.group) {
      peers.stopSearch(for: address, names: &names, streams: &streams, out: &out, at: turn.now)
      _ = closeCircuits(of: address, turn: &turn)
    }
    if settings.dialsPeers {
      for peer in configuration.peers { peers.configure(peer.name) }
    }
    return configuration
  }

  private mutating func endSearches<Device: PacketDevice & ~Copyable>(turn: inout Turn<Device>) {
    peers.endSearches(names: &names, streams: &streams, out: &out, at: turn.now)
    tellUnresolved(turn: &turn)
  }

  /// Closes the first circuit to a name, and with it the others.
  private mutating func leave<Device: PacketDevice & ~Copyable>(_ name: OnionName, turn: inout Turn<Device>) {
    guard let circuit = peers.firstCircuit(to: name) else { return }
    close(circuit, .unneeded, turn: &turn)
  }
}
