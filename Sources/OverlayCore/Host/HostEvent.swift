/// What a host has to tell beside what its nodes do.
public enum HostEvent: Equatable, Sendable {
  /// A host of the LAN has an address that a route leads to a peer.
  case misplaced(IPPrefix)
  /// The leases of the address service have changed: they are to be kept.
  case leasesChanged
}

/// What a host is like at a moment, as values.
public struct HostStatus: Sendable {
  /// Its identities, in their order.
  public let nodes: [NodeStatus]
  /// What has happened on the link; `nil` where there is none.
  public let link: Counters?
  /// How many leases there are, and what has happened to the address service; `nil` where there is none.
  public let addressService: (leases: Int, counters: Counters)?
}
