import CLinux
import Glibc
import OverlayCore

/// The leak guards: for each prefix of the overlay and behind peers an `unreachable` route in each table, and the policy
/// rule that leads to the program's own. They outlive the daemon, however it ends: a connection that stood sends on, and
/// its packets tell in the clear who talks with whom.
extension Privileges {
  /// Puts up what is missing of them.
  mutating func addLeakGuards() throws(PrivilegeError) -> LeakGuardReport {
    if !hasInterface { try refuseTakenPlaces() }
    let rules = try policyRules(of: Set(settings.guardedPrefixes.map(\.family)))
    var report = LeakGuardReport(state: .adopted, hasPolicyRules: hasPolicyRules)
    let routes = settings.guardedPrefixes.flatMap { places(of: KernelRoute(guarding: $0)) }
    let standing = try standing(among: routes)
    for route in routes where standing[route.place] == nil {
      switch try add(route) {
      case .added: if report.state == .adopted { report.state = .installed }
      case .taken: throw .leakGuardTaken(route.prefix, metric: route.metric)
      case .linkDown: report.state = .loopbackDown
      }
    }
    guard hasPolicyRules else { return report }
    for prefix in settings.guardedPrefixes {
      let rule = PolicyRule(prefix: prefix)
      for found in rules where found.overrides(prefix) { report.overridingRules.insert(found.priority) }
      guard !rules.contains(where: rule.matches) else { continue }
      try change(rule.addition, unless: EEXIST)
      if report.state == .adopted { report.state = .installed }
    }
    return report
  }

  /// Takes all of them away, of whichever prefixes they are: the rules first, which lead to the routes.
  mutating func dropLeakGuards() throws(PrivilegeError) {
    for rule in try policyRules(of: Privileges.families) where rule.origin == KernelRoute.mark {
      try change(PolicyRule(prefix: rule.prefix).removal, unless: ENOENT)
    }
    for route in try leakGuards() {
      // Another route of this prefix stays: the request names ours by its mark.
      try change(KernelRoute(guarding: route.prefix).standing(in: route.table).removal, unless: ESRCH)
    }
  }

  /// The prefixes that are guarded wholly: by a route in each table and a rule.
  mutating func guardedPrefixes() throws(PrivilegeError) -> [IPPrefix] {
    let rules = try policyRules(of: Privileges.families)
    var tables: [IPPrefix: Set<UInt32>] = [:]
    for route in try leakGuards() { tables[route.prefix, default: []].insert(route.table) }
    let wanted = hasPolicyRules ? Set(KernelRoute.tables) : [KernelRoute.mainTable]
    let guarded = tables.filter { prefix, tables in
      tables.isSuperset(of: wanted) && (!hasPolicyRules || rules.contains(where: PolicyRule(prefix: prefix).matches))
    }
    return guarded.keys.sorted { "\($0)" < "\($1)" }
  }

  private static let families: Set<UInt8> = [UInt8(AF_INET6), UInt8(AF_INET)]

  /// The `unreachable` routes of ours, of every prefix and table.
  private mutating func leakGuards() throws(PrivilegeError) -> [RouteRecord] {
    var found: [RouteRecord] = []
    for prefix in ["::/0", "0.0.0.0/0"].compactMap({ IPPrefix($0) }) {
      try look(KernelRoute(guarding: prefix).query) { record in
        guard let route = RouteRecord(record), route.origin == KernelRoute.mark,
          KernelRoute(guarding: route.prefix).standing(in: route.table).matches(route)
        else { return }
        found.append(route)
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

  private mutating func change(_ message: NetlinkMessage, unless expected: Int32) throws(PrivilegeError) {
    do throws(SystemError) {
      try requests.request(message)
    } catch {
      if error.number != expected { throw explain(error, message.purpose) }
    }
  }
}
