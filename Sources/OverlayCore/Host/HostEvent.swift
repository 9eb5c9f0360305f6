/// An event of a host, beside those of its nodes.
public enum HostEvent: Equatable, Sendable {
  /// A host of the LAN has this address, which a route leads to a peer.
  case misplaced(IPPrefix)
  /// The leases of the address service have changed and have to be written.
  case leasesChanged
}

/// The status of a host at one time.
public struct HostStatus: Sendable {
  /// The status of each identity, in the order of the identities.
  public let nodes: [NodeStatus]
  /// The counters of the link; `nil` if there is none.
  public let link: Counters?
  /// The number of leases and the counters of the address service; `nil` if there is none.
  public let addressService: (leases: Int, counters: Counters)?
}
