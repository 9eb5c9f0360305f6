/// A policy as it counts. An address leads to one peer: of two names for it the first counts, and none for an address of
/// this host. Routes to names that do not count are none.
struct NodeConfiguration {
  /// The peers that count, each with what the log may call it.
  private(set) var peers: [(label: String, peer: ConfiguredPeer)] = []
  /// The peers that do not.
  private(set) var refused: [ConfiguredPeer] = []
  /// What lies behind whom.
  let table: RouteTable
  private var taken: [IPv6Address: OnionName] = [:]

  /// The names that the operator gave.
  var names: [OnionName] { Array(taken.values) }

  /// Finds out what of a policy counts, where these addresses are on this side.
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
      peers.append((peer.label(index), peer))
    }
    for route in policy.table.routes where !onThisSide.contains(route.via.address) {
      taken[route.via.address] = taken[route.via.address] ?? route.via
    }
    table = policy.table.keeping { taken[$0.via.address] == $0.via }
    self.taken = taken
  }

  /// What is other than before.
  func changes(from old: NodeConfiguration) -> [PolicyChange] {
    let (before, after) = (old.peers.map(\.peer), peers.map(\.peer))
    return before.filter { !after.contains($0) }.map { .peerRemoved($0) }
      + after.filter { !before.contains($0) }.map { .peerAdded($0) }
      + refused.filter { !old.refused.contains($0) }.map { .peerRefused($0) }
      + old.table.routes.filter { !table.routes.contains($0) }.map { .routeRemoved($0) }
      + table.routes.filter { !old.table.routes.contains($0) }.map { .routeAdded($0) }
      + old.table.served.filter { !table.served.contains($0) }.map { .notServed($0) }
      + table.served.filter { !old.table.served.contains($0) }.map { .served($0) }
  }
}
