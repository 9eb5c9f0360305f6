import Glibc
import OverlayCore

/// The routes that the program keeps: leak guards, and what leads into the interface beside the overlay's own prefix,
/// which comes and goes with the address.
extension Privileges {
  /// Leads what lies behind peers into the interface of this number, which is up and carries so many bytes. It all goes
  /// with the interface.
  mutating func addRoutes(through index: Int32, mtu: Int) throws(PrivilegeError) {
    let sources = try sourceAddresses()
    let routes = settings.routedPrefixes.map { prefix in
      var route = KernelRoute(to: prefix, through: index).widened(for: mtu)
      route.preferredSource = sources[prefix.family]
      return route
    }
    let standing = try standing(among: routes)
    for route in routes {
      if let found = standing[route.prefix] {
        if found.preferredSource != route.preferredSource { try replace(route) }
      } else if case .taken = try add(route) {
        throw .routeTaken(route.prefix, metric: route.metric)
      }
    }
  }

  /// Gives the route of the overlay's prefix, which came with the interface's addresses, the initial window. Not where
  /// another interface has that prefix: the kernel might replace its route.
  mutating func widenPrefixRoute(through index: Int32, mtu: Int) throws(PrivilegeError) {
    let route = KernelRoute(connected: settings.prefix, to: index).widened(for: mtu)
    var isAlone = true
    do throws(SystemError) {
      try requests.request(route.query) { record in
        if let found = RouteRecord(record), route.takesPlace(found), found.interface != index { isAlone = false }
      }
    } catch {
      throw explain(error, route.query.purpose)
    }
    if isAlone { try replace(route) }
  }

  /// Puts a route in the place of ours that says something else.
  private mutating func replace(_ route: KernelRoute) throws(PrivilegeError) {
    do throws(SystemError) {
      try requests.request(route.replacement)
    } catch {
      if error.number == EINVAL, route.congestionControl != nil {
        return try replace(route.withDefaultCongestionControl)
      }
      // Set down in this moment: it is restored when it is up again.
      if error.number != ENETDOWN { throw explain(error, route.replacement.purpose) }
    }
  }

  /// Refuses to take the place of somebody else's route: asked before a leak guard, which would make it useless,
  /// stands.
  mutating func refuseTakenPlaces(of prefixes: [IPPrefix]) throws(PrivilegeError) {
    let routes = prefixes.map { KernelRoute(to: $0, through: 0) }
    for family in Set(routes.map(\.prefix.family)) {
      var taken: KernelRoute?
      try look(KernelRoute.query(family: family)) { record in
        guard let found = RouteRecord(record), found.origin != KernelRoute.mark else { return }
        taken = taken ?? routes.first { $0.takesPlace(found) }
      }
      if let taken { throw .routeTaken(taken.prefix, metric: taken.metric) }
    }
  }

  /// What became of a route that was to be added.
  enum Addition {
    case added, taken, linkDown
  }

  /// Adds a route.
  mutating func add(_ route: KernelRoute) throws(PrivilegeError) -> Addition {
    do throws(SystemError) {
      try requests.request(route.addition)
      return .added
    } catch {
      switch error.number {
      // The kernel lacks the congestion control: the host's own serves.
      case EINVAL where route.congestionControl != nil: return try add(route.withDefaultCongestionControl)
      case EEXIST: return .taken
      case ENETDOWN: return .linkDown
      default: throw explain(error, route.addition.purpose)
      }
    }
  }

  /// Those routes that stand already, by their prefixes, which differ. Asked once for all of them: each answer holds
  /// every route of ours.
  mutating func standing(among routes: [KernelRoute]) throws(PrivilegeError) -> [IPPrefix: RouteRecord] {
    let wanted = Dictionary(routes.map { ($0.prefix, $0) }) { first, _ in first }
    let queries = Dictionary(routes.map { ($0.prefix.family, $0.query) }) { first, _ in first }
    var standing: [IPPrefix: RouteRecord] = [:]
    for query in queries.values {
      try look(query) { record in
        if let found = RouteRecord(record), wanted[found.prefix]?.matches(found) == true {
          standing[found.prefix] = found
        }
      }
    }
    return standing
  }

  /// Asks the kernel; what keeps it from answering is explained.
  mutating func look(_ query: NetlinkMessage, _ body: (NetlinkRecord) -> Void) throws(PrivilegeError) {
    do throws(SystemError) {
      try requests.request(query, body)
    } catch {
      // What a dump of a table without routes ends with.
      if error.number == ENOENT { return }
      throw explain(error, query.purpose)
    }
  }
}

extension KernelRoute {
  /// How many bytes a connection may have on its way before it was answered, in place of some ten segments (RFC 6928):
  /// those spare the queues of the Internet, but of this path Tor alone is in the Internet, and has its own flow
  /// control; what it does not take yet waits here, each flow for its turn. CUBIC needs the help: it takes the varying
  /// round trip of a circuit for a queue, and stops doubling its window after some 40 segments (HyStart). With twice as
  /// much, eight flows that begin together overflow the queue of a circuit of 1 MB/s.
  private static let initialWindowBytes = 192 << 10

  /// CUBIC carries several times as much over Tor as BBR does, which takes the bursts of a circuit for its bandwidth.
  private static let congestionControl = "cubic"

  /// The route that leaves congestion control to the host.
  fileprivate var withDefaultCongestionControl: KernelRoute {
    var route = self
    route.congestionControl = nil
    return route
  }

  /// The route with this initial window in segments of `mtu` bytes, and the congestion control that suits Tor.
  fileprivate func widened(for mtu: Int) -> KernelRoute {
    var route = self
    route.congestionControl = KernelRoute.congestionControl
    // A mark slows a sender down without a loss, which would put a round trip of segments out of order at the other
    // end.
    route.understandsMarks = true
    route.initialWindow = UInt32(max(10, KernelRoute.initialWindowBytes / max(mtu, 1)))
    return route
  }
}
