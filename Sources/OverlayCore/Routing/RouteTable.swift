/// The route table tells which prefixes outside the overlay are behind peers, and which are behind this host. The
/// longest prefix that holds an address decides. The search takes a time that grows with the logarithm of the number of
/// prefixes, of which there are at most `limit`.
///
/// Some addresses are behind nobody, even if a prefix covers them: those of the overlay, which belong to names, and
/// those that no host can have.
public struct RouteTable: Equatable, Sendable {
  /// Who is at an address.
  enum Match: Equatable, Sendable {
    /// Nobody who is known.
    case none
    /// A host behind this one.
    case served
    /// A host behind the peer with this overlay address.
    case peer(IPv6Address)
  }

  /// The greatest number of prefixes, routed and served ones together.
  static let limit = 1_024

  /// The prefixes behind peers.
  public let routes: [Route]
  /// The prefixes behind this host.
  public let served: [IPPrefix]
  private let version6: LongestMatch<UInt128>
  private let version4: LongestMatch<UInt32>

  /// Makes an empty table.
  public init() {
    routes = []
    served = []
    version6 = LongestMatch([])
    version4 = LongestMatch([])
  }

  /// Makes the table of these routes and served prefixes. It throws an error about the first that cannot be in one. The
  /// same prefix may be given twice.
  public init(routes: [Route], served: [IPPrefix]) throws(RouteError) {
    guard routes.count + served.count <= RouteTable.limit else { throw .tooMany }
    var peers: [IPPrefix: OnionName] = [:]
    let ours = Set(served)
    for route in routes {
      if ours.contains(route.prefix) { throw .routedAndServed(route.prefix) }
      if let other = peers[route.prefix], other != route.via { throw .twoPeers(route.prefix) }
      peers[route.prefix] = route.via
    }
    for prefix in served + routes.map(\.prefix) where RouteTable.isReserved(prefix) { throw .reserved(prefix) }
    self.init(of: routes, served)
  }

  /// Returns the table of those of its routes that `isKept` is true for.
  func keeping(_ isKept: (Route) -> Bool) -> RouteTable { RouteTable(of: routes.filter(isKept), served) }

  /// The table with its routes alone.
  public var withoutServed: RouteTable { RouteTable(of: routes, []) }

  /// Makes the table of prefixes that can be in one together.
  private init(of routes: [Route], _ served: [IPPrefix]) {
    self.routes = routes
    self.served = served
    var matches: [IPPrefix: Match] = [:]
    for prefix in served { matches[prefix] = .served }
    for route in routes { matches[route.prefix] = .peer(route.via.address) }
    for prefix in RouteTable.reserved { matches[prefix] = Match.none }
    version6 = LongestMatch(
      matches.compactMap { prefix, match in
        guard case .ipv6(let prefix) = prefix else { return nil }
        return .init(first: UInt128(prefix.address), length: prefix.length, match: match)
      })
    version4 = LongestMatch(
      matches.compactMap { prefix, match in
        guard case .ipv4(let prefix) = prefix else { return nil }
        return .init(first: prefix.address.value, length: prefix.length, match: match)
      })
  }

  /// Tables of the same prefixes are the same.
  public static func == (left: RouteTable, right: RouteTable) -> Bool {
    left.routes == right.routes && left.served == right.served
  }

  /// Returns who is at `address`, which is a mapped one for IPv4. A mapped address that a packet of version 6 holds is
  /// no IPv4 address, and lies nowhere: the address alone does not tell.
  func match(_ address: IPv6Address, isIPv4: Bool) -> Match {
    isIPv4 ? version4.match(UInt32(truncatingIfNeeded: address.low)) : version6.match(UInt128(address))
  }

  /// Returns whether no address of the prefix can be routed or served.
  static func isReserved(_ prefix: IPPrefix) -> Bool {
    reserved.contains { $0.contains(prefix) }
  }

  /// The overlay, and the prefixes whose addresses no host can have.
  private static let reserved: [IPPrefix] = [.ipv6(OverlayNetwork.tor.prefix)] + IPPrefix.hostless.map(\.prefix)
}

extension UInt128 {
  fileprivate init(_ address: IPv6Address) {
    self = UInt128(address.high) << 64 | UInt128(address.low)
  }
}

/// A prefix that lies behind a peer.
public struct Route: Sendable, Equatable {
  /// The addresses that are reached through the peer, and from which packets of the peer may come.
  public let prefix: IPPrefix
  /// The peer.
  public let via: OnionName

  /// Makes the route to `prefix` through `via`.
  public init(prefix: IPPrefix, via: OnionName) {
    self.prefix = prefix
    self.via = via
  }
}

/// The reason why prefixes cannot be routed and served as asked.
public enum RouteError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The prefix is routed to two peers.
  case twoPeers(IPPrefix)
  /// The prefix is routed to a peer and also served by this host.
  case routedAndServed(IPPrefix)
  /// The prefix holds only addresses that are never routed: those of the overlay, and those that no host can have.
  case reserved(IPPrefix)
  /// There are more prefixes than `RouteTable.limit`.
  case tooMany

  /// What was wrong, in one line.
  public var description: String {
    switch self {
    case .twoPeers(let prefix): "\(prefix) is routed to two peers"
    case .routedAndServed(let prefix): "\(prefix) is both routed and served"
    case .reserved(let prefix): "\(prefix) is never routed: it is of the overlay, a group, this host or a link"
    case .tooMany: "more than \(RouteTable.limit) prefixes are routed and served"
    }
  }
}
