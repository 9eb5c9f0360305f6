import OverlayCore

/// The peers that the operator added while the daemon runs and that no file has. Reading the configuration again keeps
/// them.
struct RuntimePeers: Equatable {
  /// The peers, in the order in which they were added.
  private(set) var added: [ConfiguredPeer] = []

  /// Notes a peer.
  mutating func add(_ peer: ConfiguredPeer) { added.append(peer) }

  /// Forgets a peer.
  mutating func remove(_ name: OnionName) { added.removeAll { $0.name == name } }

  /// Returns the settings with these peers beside those that it has. What is configured comes first: a peer with the
  /// same name or address is left out, and the petname of another is not given twice.
  func applied(to settings: DaemonSettings) -> DaemonSettings {
    var settings = settings
    for peer in added where !settings.peers.contains(where: { $0.name.address == peer.name.address }) {
      let isTaken = peer.petname != nil && settings.peers.contains { $0.petname == peer.petname }
      settings.peers.append(isTaken ? ConfiguredPeer(name: peer.name) : peer)
    }
    return settings
  }
}
