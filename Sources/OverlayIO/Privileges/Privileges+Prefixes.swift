import Glibc
import OverlayCore

/// Prefixes behind peers and behind this host that change while the interface is there.
extension Privileges {
  /// Takes these prefixes in place of those before. New ones are guarded before they are routed; a guard stays when its
  /// prefix goes, so that nothing for it leaves in the clear before the operator says so. What fails is undone, but for
  /// guards.
  mutating func setPrefixes(routes: [IPPrefix], served: [IPPrefix]) throws(PrivilegeError) -> LeakGuardReport {
    let before = settings
    settings.routes = routes
    settings.served = served
    let old = Set(before.routedPrefixes)
    let new = settings.routedPrefixes
    do throws(PrivilegeError) {
      try refuseTakenPlaces(of: new.filter { !old.contains($0) })
      let report = try addLeakGuards()
      try routePrefixes()
      try unroute(old.subtracting(new))
      return report
    } catch {
      settings = before
      try? unroute(Set(new).subtracting(old))
      try? routePrefixes()
      throw error
    }
  }

  /// Adds the routes into the interface that are missing, if it is up; if it is down, they come with it.
  private mutating func routePrefixes() throws(PrivilegeError) {
    guard let index, settings.hasAddress else { return }
    let link = try look(LinkRequest.query(index: index))
    if link.isUp { try addRoutes(through: index, mtu: link.mtu) }
  }

  /// Removes the routes to these prefixes, and what the kernel knows of connections along them.
  private mutating func unroute(_ prefixes: Set<IPPrefix>) throws(PrivilegeError) {
    guard let index, !prefixes.isEmpty else { return }
    for prefix in prefixes { try change(KernelRoute(to: prefix, through: index).removal, unless: ESRCH) }
    do throws(SystemError) {
      try connectionMemory?.forget(Array(prefixes))
    } catch {
      throw explain(error, error.call)
    }
  }
}
