/// What lies where beside the overlay: prefixes behind peers, and prefixes behind this host. The longest match counts;
/// it is found in a time that grows with the logarithm of their number, which is bounded to `limit`.
///
/// Some addresses lie nowhere, whichever prefix covers them: those of the overlay itself, which names tell, and those
/// that mean a group, this host or this link.
public struct RouteTable: Sendable {
  /// What lies at an address.
  enum Match: Equatable, Sendable {
    /// Nothing that is known of.
    case none
    /// A host behind this one.
    case served
    /// A host behind the peer with this overlay address.
    case peer(IPv6Address)
  }

  /// How many prefixes there may be, routed and served ones together.
  public static let limit = 1_024

  private let version6: LongestMatch<UInt128>
  private let version4: LongestMatch<UInt32>

  /// A table of nothing.
  init() {
    version6 = LongestMatch([])
    version4 = LongestMatch([])
  }

  /// The table of these routes and served prefixes; throws the first that cannot be in one. The same one may be said
  /// twice.
  public init(routes: [Route], served: [IPPrefix]) throws(RouteError) {
    guard routes.count + served.count <= RouteTable.limit else { throw .tooMany }
    var matches: [IPPrefix: Match] = [:]
    for prefix in served { matches[prefix] = .served }
    var peers: [IPPrefix: OnionName] = [:]
    for route in routes {
      if matches[route.prefix] == .served { throw .routedAndServed(route.prefix) }
      if let other = peers[route.prefix], other != route.via { throw .twoPeers(route.prefix) }
      peers[route.prefix] = route.via
      matches[route.prefix] = .peer(route.via.address)
    }
    for prefix in served + routes.map(\.prefix) where RouteTable.isReserved(prefix) { throw .reserved(prefix) }
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

  /// What lies at an address.
  func match(_ address: IPv6Address) -> Match { version6.match(UInt128(address)) }

  /// What lies at an address.
  func match(_ address: IPv4Address) -> Match { version4.match(address.value) }

  /// Whether a prefix lies where nothing may be routed or served.
  public static func isReserved(_ prefix: IPPrefix) -> Bool {
    reserved.contains { $0.contains(prefix) }
  }

  /// The overlay, and where no host can have an address.
  private static let reserved: [IPPrefix] = [.ipv6(OverlayNetwork.tor.prefix)] + IPPrefix.hostless.map(\.prefix)
}

extension UInt128 {
  fileprivate init(_ address: IPv6Address) {
    self = UInt128(address.high) << 64 | UInt128(address.low)
  }
}

/// A prefix that lies behind a peer.
public struct Route: Sendable, Equatable {
  /// The addresses that are reached through the peer, and that packets from it may come from.
  public let prefix: IPPrefix
  /// The peer.
  public let via: OnionName

  /// The route to `prefix` through `via`.
  public init(prefix: IPPrefix, via: OnionName) {
    self.prefix = prefix
    self.via = via
  }
}

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
