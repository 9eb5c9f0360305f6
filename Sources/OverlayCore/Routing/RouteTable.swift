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

  /// The overlay; the unspecified address, loopback, IPv4 in IPv6's clothes, link-local and multicast (RFC 4291 section
  /// 2.4, RFC 1122 section 3.2.1.3, RFC 3927).
  private static let reserved: [IPPrefix] =
    [.ipv6(OverlayNetwork.tor.prefix)]
    + ["::/128", "::1/128", "::ffff:0.0.0.0/96", "fe80::/10", "ff00::/8"].compactMap { IPPrefix($0) }
    + ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"].compactMap { IPPrefix($0) }
}

extension UInt128 {
  fileprivate init(_ address: IPv6Address) {
    self = UInt128(address.high) << 64 | UInt128(address.low)
  }
}
