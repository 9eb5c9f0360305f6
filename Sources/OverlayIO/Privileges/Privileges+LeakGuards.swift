import CLinux
import Glibc
import OverlayCore

/// The leak guards: for each prefix of the overlay and behind peers an `unreachable` route, and the policy rules that
/// lead there, and nowhere else, before those of others. They outlive the daemon, however it ends: a connection that
/// stood sends on, and its packets tell in the clear who talks with whom.
extension Privileges {
  /// Puts up what is missing of them. What cannot be put up keeps nothing else from it.
  mutating func addLeakGuards() throws(PrivilegeError) -> LeakGuardReport {
    if !hasInterface { try refuseTakenPlaces(of: settings.routedPrefixes) }
    let guarded = settings.guardedPrefixes
    let rules = try policyRules(of: Set(guarded.map(\.family)))
    let ownRules = Dictionary(grouping: rules.compactMap { PolicyRule($0) }, by: \.prefix)
    var report = LeakGuardReport(state: .adopted, hasPolicyRules: hasPolicyRules)
    report.overridingRoutes = try overridingRoutes(of: guarded)
    var firstError: PrivilegeError?
    let routes = guarded.map { KernelRoute(guarding: $0) }
    let standing = try standing(among: routes)
    for route in routes where standing[route.prefix] == nil {
      do throws(PrivilegeError) {
        try addLeakGuard(route, report: &report)
      } catch {
        firstError = firstError ?? error
      }
    }
    for prefix in guarded where hasPolicyRules {
      do throws(PrivilegeError) {
        try addRules(for: prefix, beside: ownRules[prefix] ?? [], before: rules, report: &report)
      } catch {
        firstError = firstError ?? error
      }
    }
    if let firstError { throw firstError }
    return report
  }

  private mutating func addLeakGuard(_ route: KernelRoute, report: inout LeakGuardReport) throws(PrivilegeError) {
    switch try add(route) {
    case .added: if report.state == .adopted { report.state = .installed }
    case .linkDown: report.state = .loopbackDown
    case .taken:
      // By ourselves, perhaps, in another process in this moment.
      guard try standing(among: [route]).isEmpty else { return }
      throw .leakGuardTaken(route.prefix, metric: route.metric)
    }
  }

  /// Sees to it that our rules for a prefix stand, of which `ours` do, before those of others that would take it
  /// elsewhere.
  private mutating func addRules(
    for prefix: IPPrefix, beside ours: [PolicyRule], before others: [RuleRecord], report: inout LeakGuardReport
  ) throws(PrivilegeError) {
    var first = PolicyRule.firstPriority
    for found in others where found.overrides(prefix) {
      report.overridingRules.insert(found.priority)
      first = min(first, max(found.priority, 3) - 2)
    }
    let wanted = PolicyRule.Kind.allCases.map { PolicyRule($0, for: prefix, first: first) }
    for rule in wanted where !ours.contains(rule) {
      try change(rule.addition, unless: EEXIST)
      if report.state == .adopted { report.state = .installed }
    }
    for rule in ours where !wanted.contains(rule) { try change(rule.removal, unless: ENOENT) }
  }

  /// Takes all of them away, of whichever prefixes they are: the rules first, which lead to the routes.
  mutating func dropLeakGuards() throws(PrivilegeError) {
    for rule in try policyRules(of: Privileges.families).compactMap({ PolicyRule($0) }) {
      try change(rule.removal, unless: ENOENT)
    }
    for prefix in try leakGuards() {
      // Another route of this prefix stays: the request names ours by its mark.
      try change(KernelRoute(guarding: prefix).removal, unless: ESRCH)
    }
  }

  /// The prefixes that are guarded wholly: by a route and both rules.
  mutating func guardedPrefixes() throws(PrivilegeError) -> [IPPrefix] {
    let rules = try policyRules(of: Privileges.families).compactMap { PolicyRule($0) }
    let guarded = try leakGuards().filter { prefix in
      !hasPolicyRules
        || PolicyRule.Kind.allCases.allSatisfy { kind in rules.contains { $0.prefix == prefix && $0.kind == kind } }
    }
    return guarded.sorted { "\($0)" < "\($1)" }
  }

  private static let families: Set<UInt8> = [UInt8(AF_INET6), UInt8(AF_INET)]

  /// The prefixes of the `unreachable` routes of ours.
  private mutating func leakGuards() throws(PrivilegeError) -> [IPPrefix] {
    var found: [IPPrefix] = []
    for family in Privileges.families {
      try look(KernelRoute.query(family: family, origin: KernelRoute.mark)) { record in
        guard let route = RouteRecord(record), KernelRoute(guarding: route.prefix).matches(route) else { return }
        found.append(route.prefix)
      }
    }
    return found
  }

  /// The prefixes of the routes of others that are better than ours.
  private mutating func overridingRoutes(of guarded: [IPPrefix]) throws(PrivilegeError) -> Set<IPPrefix> {
    let served = settings.served
    var found: Set<IPPrefix> = []
    for family in Set(guarded.map(\.family)) {
      try look(KernelRoute.query(family: family)) { record in
        guard let route = RouteRecord(record), route.overrides(guarded, exceptIn: served) else { return }
        found.insert(route.prefix)
      }
    }
    return found
  }

  /// All policy rules of these families; none, which is remembered, where the kernel does not know them.
  private mutating func policyRules(of families: Set<UInt8>) throws(PrivilegeError) -> [RuleRecord] {
    var found: [RuleRecord] = []
    for family in families {
      do throws(SystemError) {
        try requests.request(PolicyRule.query(family: family)) { record in
          if let rule = RuleRecord(record) { found.append(rule) }
        }
      } catch {
        guard [EAFNOSUPPORT, EOPNOTSUPP].contains(error.number) else {
          throw explain(error, PolicyRule.query(family: family).purpose)
        }
        hasPolicyRules = false
      }
    }
    return found
  }

  mutating func change(_ message: NetlinkMessage, unless expected: Int32) throws(PrivilegeError) {
    do throws(SystemError) {
      try requests.request(message)
    } catch {
      if error.number != expected { throw explain(error, message.purpose) }
    }
  }
}
