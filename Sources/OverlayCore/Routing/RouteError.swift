/// Why prefixes cannot be routed and served as they were told to be.
public enum RouteError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The prefix is said to lie behind two peers.
  case twoPeers(IPPrefix)
  /// The prefix is said to lie behind a peer and behind this host.
  case routedAndServed(IPPrefix)
  /// The prefix lies within addresses that are never routed: the overlay's own, groups, loopback, link-local ones.
  case reserved(IPPrefix)
  /// There are more than `RouteTable.limit`.
  case tooMany

  /// What was wrong, in a line.
  public var description: String {
    switch self {
    case .twoPeers(let prefix): "\(prefix) is routed to two peers"
    case .routedAndServed(let prefix): "\(prefix) is both routed and served"
    case .reserved(let prefix): "\(prefix) is never routed: it is of the overlay, a group, this host or a link"
    case .tooMany: "more than \(RouteTable.limit) prefixes are routed and served"
    }
  }
}
