import OverlayCore

extension DaemonSettings {
  /// Returns where the onion services of the identities with these names have to lead.
  func places(of names: [OnionName]) -> [ServicePlace] {
    zip(names, identities).map { name, identity in
      ServicePlace(
        name: name, label: identity.label, listen: identity.listen.first.map { "\($0)" } ?? "the address of --listen",
        port: servicePort, socks: "\(socks)", asksTor: torControl != nil)
    }
  }

  /// Returns the settings of the node of the identity `name`. The prefixes behind this host belong to the first
  /// identity, and so does IPv4, whose addresses tell no identity: a packet over another's circuit would be answered
  /// over the first one's. The first identity also keeps the configured peers, because several that dialled the same
  /// peer at the same moment would show that they belong together.
  ///
  /// `siblings` are the addresses of all identities. `circuitLimit`, the circuits of the daemon, and every other bound
  /// is shared between them.
  func node(
    _ name: OnionName, number: Int, beside siblings: Set<IPv6Address>, isOffloading: Bool, circuitLimit: Int
  ) -> NodeSettings {
    let isFirst = number == 0
    return NodeSettings(
      name: name,
      policy: policy(of: number),
      siblings: siblings, dialsPeers: isFirst, checksSelf: true,
      lookupInterval: lookupInterval, tellsTor: torControl != nil, isToldTorCircuits: isToldTorCircuits,
      servicePort: servicePort, isOffloading: isOffloading,
      mtu: interface.mtu.bytes, carriesIPv4: isFirst && ipv4,
      ipv4Address: isFirst ? ipv4Address?.address : nil, egress: mode == .tap ? .mtu : .none,
      bounds: NodeBounds(
        identities: siblings.count, circuits: circuitLimit, names: learnedNames, accepted: mostIncoming,
        unproven: mostUnproven, acceptsPerSecond: acceptRate))
  }

  /// Returns what can change while the node of the identity with this number runs.
  func policy(of number: Int) -> NodePolicy {
    let lookup = lookup == .serve && servedLookup(of: number) == nil ? .ask : lookup
    return NodePolicy(
      peers: peers, table: number == 0 ? table : table.withoutServed, idle: idle, circuitsPerPeer: circuitsPerPeer,
      lookup: lookup, scrubs: scrubs, authentication: authentication, authentications: authentications,
      secret: Set(peerKeys.map(\.peer)), door: door, onlyPeers: onlyPeers,
      rates: RateLimits(total: rates.total?.share(of: identities.count), peer: rates.peer))
  }
}
