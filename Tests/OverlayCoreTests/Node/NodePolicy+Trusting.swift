@testable import OverlayCore

extension NodePolicy {
  /// A policy for tests of other things: unless it is told otherwise its door is open, and callers, which tests play,
  /// have to prove nothing.
  static func trusting(
    peers: [ConfiguredPeer] = [], table: RouteTable = RouteTable(), idle: Duration = .seconds(180),
    circuitsPerPeer: Int = 1, lookup: LookupMode = .off, scrubs: Bool = true, authentication: Authentication = .off,
    authentications: [OnionName: Authentication] = [:], secret: Set<OnionName> = [], door: DoorPolicy = .open,
    onlyPeers: Bool = false
  ) -> NodePolicy {
    NodePolicy(
      peers: peers, table: table, idle: idle, circuitsPerPeer: circuitsPerPeer, lookup: lookup, scrubs: scrubs,
      authentication: authentication, authentications: authentications, secret: secret, door: door,
      onlyPeers: onlyPeers)
  }
}
