import Glibc
import OverlayCore

/// The routes that the program keeps: leak guards, and what leads into the interface beside the overlay's own prefix, which
/// comes and goes with the address.
extension Privileges {
  /// Puts a leak guard where each prefix leads when the interface is gone.
  mutating func addLeakGuards() throws(PrivilegeError) -> LeakGuardState {
    var state = LeakGuardState.adopted
    for prefix in settings.guardedPrefixes {
      let route = KernelRoute(guarding: prefix)
      switch try add(route) {
      case .added: if state == .adopted { state = .installed }
      case .stood: break
      case .taken: throw .leakGuardTaken(prefix, metric: route.metric)
      case .linkDown: state = .loopbackDown
      }
    }
    return state
  }

  /// Takes all leak guards away.
  mutating func dropLeakGuards() throws(PrivilegeError) {
    for prefix in settings.guardedPrefixes {
      let route = KernelRoute(guarding: prefix)
      do throws(SystemError) {
        try requests.request(route.removal)
      } catch {
        // Another route of this prefix stays: the request names ours by its mark.
        if error.number != ESRCH { throw explain(error, route.removal.purpose) }
      }
    }
  }

  /// Leads what lies behind peers into the interface of this number, which is up. It all goes with the interface.
  mutating func addRoutes(through index: Int32) throws(PrivilegeError) {
    for prefix in settings.routedPrefixes {
      let route = KernelRoute(to: prefix, through: index)
      if case .taken = try add(route) { throw .routeTaken(prefix, metric: route.metric) }
    }
  }

  private enum Addition {
    case added, stood, taken, linkDown
  }

  private mutating func add(_ route: KernelRoute) throws(PrivilegeError) -> Addition {
    do throws(SystemError) {
      try requests.request(route.addition)
      return .added
    } catch {
      switch error.number {
      case EEXIST: break
      case ENETDOWN: return .linkDown
      default: throw explain(error, route.addition.purpose)
      }
    }
    var isOurs = false
    do throws(SystemError) {
      try requests.request(route.query) { record in
        if let found = RouteRecord(record), route.matches(found) { isOurs = true }
      }
    } catch {
      throw explain(error, route.query.purpose)
    }
    return isOurs ? .stood : .taken
  }
}

extension InterfaceSettings {
  /// What leads into the interface beside the overlay's own prefix: nothing where it is a bridge's port and no more.
  var routedPrefixes: [IPPrefix] { hasAddress ? outsidePrefixes : [] }

  /// What must not leave in the clear.
  var guardedPrefixes: [IPPrefix] { [.ipv6(prefix)] + outsidePrefixes }

  private var outsidePrefixes: [IPPrefix] {
    guard let ipv4Address, ipv4Address.prefix.length < 32 else { return routes }
    let connected = IPPrefix.ipv4(ipv4Address.prefix)
    return routes.contains(connected) ? routes : routes + [connected]
  }
}
