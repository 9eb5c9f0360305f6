import OverlayCore

extension DaemonSettings {
  /// What the node of the identity `name` is told. What lies behind this host belongs to the first identity, which keeps
  /// the permanent peers, too: several that dialled the same peer at the same moment would show that they belong together.
  func node(
    _ name: OnionName, isFirst: Bool, beside names: [OnionName], isOffloading: Bool, circuitLimit: Int,
    logLevel: LogLevel
  ) -> NodeSettings {
    NodeSettings(
      name: name, peers: peers.filter { !names.contains($0.name) }, dialsPeers: isFirst, servicePort: servicePort,
      idle: idle, circuitsPerPeer: circuitsPerPeer, isOffloading: isOffloading, mtu: interface.mtu.bytes, routes: routes,
      served: isFirst ? served : [], carriesIPv4: ipv4, ipv4Address: ipv4Address?.address,
      egress: mode == .tap ? .mtu : .none, circuitLimit: circuitLimit, logLevel: logLevel)
  }
}
