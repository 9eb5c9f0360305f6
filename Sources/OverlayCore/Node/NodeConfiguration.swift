/// The part of a policy that is in effect. An address leads to one peer: of two names with the same address the first
/// is in effect, and none with an address of this host. Routes to other names are not in effect.
struct NodeConfiguration {
  /// The peers that are in effect.
  private(set) var peers: [ConfiguredPeer] = []
  /// Their labels for the log, by their addresses.
  private(set) var labels: [IPv6Address: String] = [:]
  /// The peers that are not in effect.
  private(set) var refused: [ConfiguredPeer] = []
  /// The routes that are in effect, and the served prefixes.
  let table: RouteTable
  private var taken: [IPv6Address: OnionName] = [:]

  /// The names that the operator gave.
  var names: [OnionName] { Array(taken.values) }

  /// The addresses of the only peers that this host has to do with; `nil` if that is anybody.
  let group: Set<IPv6Address>?

  /// Finds the part of a policy that is in effect on a host with these addresses.
  init(_ policy: NodePolicy, onThisSide: Set<IPv6Address>) {
    var taken: [IPv6Address: OnionName] = [:]
    for (index, peer) in policy.peers.enumerated() {
      let address = peer.name.address
      if taken[address] == peer.name { continue }
      guard !onThisSide.contains(address), taken[address] == nil else {
        refused.append(peer)
        continue
      }
      taken[address] = peer.name
      peers.append(peer)
      labels[address] = peer.label(index)
    }
    for route in policy.table.routes where !onThisSide.contains(route.via.address) {
      taken[route.via.address] = taken[route.via.address] ?? route.via
    }
    table = policy.table.keeping { taken[$0.via.address] == $0.via }
    self.taken = taken
    group = policy.onlyPeers ? Set(taken.keys) : nil
  }

  /// Returns the changes from `old` to this.
  func changes(from old: NodeConfiguration) -> [PolicyChange] {
    old.peers.filter { !peers.contains($0) }.map { .peerRemoved($0) }
      + peers.filter { !old.peers.contains($0) }.map { .peerAdded($0) }
      + refused.filter { !old.refused.contains($0) }.map { .peerRefused($0) }
      + old.table.routes.filter { !table.routes.contains($0) }.map { .routeRemoved($0) }
      + table.routes.filter { !old.table.routes.contains($0) }.map { .routeAdded($0) }
      + old.table.served.filter { !table.served.contains($0) }.map { .notServed($0) }
      + table.served.filter { !old.table.served.contains($0) }.map { .served($0) }
  }
}
