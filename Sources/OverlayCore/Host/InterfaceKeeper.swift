/// The interface keeper decides what is done about changes to the interface and to the leak guards. It does not know
/// the kernel. The owner of the monitor calls `observe` for each change and then `actions`, and `actions` again at
/// `nextTime`.
///
/// The keeper remembers one flag for each kind of change, however many changes there are. All that it asks for, lines
/// included, keeps to `RestorePace`: changes that come faster are handled together, later. A repair that failed is
/// tried again at the same pace. The leak guards have a faster pace of their own, which changes to the interface cannot
/// use up, because packets can leave in the clear until the guards are there again.
public struct InterfaceKeeper {
  private let name: String
  private let prefix: IPv6Prefix
  private let hasAddress: Bool
  private var losses: Set<Loss> = []
  private var isUp = true
  private var reportedUp = true
  private var mtu: Int
  private var reportedMTU: Int
  private var end = End.none
  private var failures: [InterfaceRepair: Failure] = [:]
  private var pace = RestorePace()
  private var guardLosses: Set<GuardLoss> = []
  private var guardPace = RestorePace(interval: .seconds(1))
  private var said: [String: Instant] = [:]

  /// The time in which a line is not repeated, because one action of somebody can make several messages of the kernel.
  private static let repetition = Duration.seconds(1)

  private enum Loss {
    case link, address, bareness, prefixRoute, route, source, bridge, messages
  }

  private enum GuardLoss {
    case leakGuard, loopback, overridden, messages
  }

  private enum End {
    case none, due, reported
  }

  private struct Failure {
    var reason: String?
    var retry: Instant
  }

  /// Makes a keeper of an interface, which is up with this MTU in bytes and has addresses or must have none, and of the
  /// leak guard of `prefix`.
  public init(interface name: String, mtu: Int, prefix: IPv6Prefix, hasAddress: Bool = true) {
    self.hasAddress = hasAddress
    self.name = name
    self.mtu = mtu
    reportedMTU = mtu
    self.prefix = prefix
  }

  /// The time at which `actions` has to be called even if nothing else happens; `nil` for never.
  public var nextTime: Instant? {
    switch end {
    case .due: return Instant(nanoseconds: 0)
    case .reported: return nil
    case .none: break
    }
    let guardRetry = failures[.installLeakGuard]?.retry
    let retry = failures.filter { $0.key != .installLeakGuard }.values.map(\.retry).min()
    let times = [
      hasNews ? pace.next : retry.map { max($0, pace.next) },
      guardLosses.isEmpty ? guardRetry.map { max($0, guardPace.next) } : guardPace.next,
    ]
    return times.compactMap(\.self).min()
  }

  private var hasNews: Bool { !losses.isEmpty || isUp != reportedUp || mtu != reportedMTU }

  /// Notes a change.
  public mutating func observe(_ change: InterfaceChange) {
    switch change {
    case .wentDown:
      isUp = false
      losses.subtract([.link, .address, .prefixRoute, .route, .source])
    case .cameUp:
      if !isUp { losses.insert(.link) }
      isUp = true
    // The kernel removes both with the link. Whoever set the link down wants it so until it is up again.
    case .addressLost: if isUp { losses.insert(.address) }
    case .linkLocalAddressAdded: losses.insert(.bareness)
    case .prefixRouteLost: if isUp { losses.insert(.prefixRoute) }
    case .routeLost: if isUp { losses.insert(.route) }
    case .servedAddressChanged: if isUp { losses.insert(.source) }
    case .joinedBridge: losses.insert(.bridge)
    case .deleted: if end == .none { end = .due }
    case .mtuChanged(let bytes): mtu = bytes
    case .leakGuardLost: guardLosses.insert(.leakGuard)
    case .overridingRuleAdded, .overridingRouteAdded: guardLosses.insert(.overridden)
    case .loopbackCameUp: guardLosses.insert(.loopback)
    case .overflow:
      losses.insert(.messages)
      guardLosses.insert(.messages)
    }
  }

  /// Returns what has to be done now, in order.
  public mutating func actions(at now: Instant) -> [InterfaceAction] {
    switch end {
    case .due:
      end = .reported
      return [.stop(.interfaceGone(name))]
    case .reported: return []
    case .none: break
    }
    return guardActions(at: now) + interfaceActions(at: now)
  }

  private mutating func guardActions(at now: Instant) -> [InterfaceAction] {
    let isRetry = failures[.installLeakGuard].map { $0.retry <= now } ?? false
    guard isRetry || !guardLosses.isEmpty, guardPace.take(at: now) else { return [] }
    let actions = news(guardNotices, at: now) + [.perform(.installLeakGuard)]
    failures[.installLeakGuard]?.retry = now + RestorePace.failureInterval
    guardLosses = []
    return actions
  }

  private mutating func interfaceActions(at now: Instant) -> [InterfaceAction] {
    let isRetry = failures[.restoreInterface].map { $0.retry <= now } ?? false
    guard hasNews || isRetry, pace.take(at: now) else { return [] }
    var actions = news(notices, at: now)
    if isRetry || !losses.isDisjoint(with: [.link, .address, .bareness, .prefixRoute, .route, .source, .messages]) {
      actions.append(.perform(.restoreInterface))
    }
    if losses.contains(.bridge) { actions.append(.perform(.becomeMulticastRouterPort)) }
    failures[.restoreInterface]?.retry = now + RestorePace.failureInterval
    losses = []
    reportedUp = isUp
    reportedMTU = mtu
    return actions
  }

  /// Returns the lines that were not told lately.
  private mutating func news(_ notices: [InterfaceNotice], at now: Instant) -> [InterfaceAction] {
    said = said.filter { $0.value + InterfaceKeeper.repetition > now }
    let new = notices.filter { said[$0.text] == nil }
    for notice in new { said[notice.text] = now }
    return new.map(InterfaceAction.report)
  }

  /// Notes the result of a repair, `nil` for success. It returns the line for the log: one for the first failure of
  /// several, and one for its end.
  public mutating func finished(
    _ repair: InterfaceRepair, failure reason: String?, at now: Instant
  ) -> InterfaceNotice? {
    // The bridge may be unable to do it, and would be unable each time.
    if repair == .becomeMulticastRouterPort { return reason.map { InterfaceNotice(.warning, $0) } }
    let earlier = failures[repair]?.reason
    guard let reason else {
      failures[repair] = nil
      return earlier == nil ? nil : InterfaceNotice(.notice, "\(label(of: repair)) again")
    }
    failures[repair] = Failure(reason: reason, retry: now + RestorePace.failureInterval)
    return earlier == reason ? nil : InterfaceNotice(.error, reason)
  }

  private func label(of repair: InterfaceRepair) -> String {
    if repair == .installLeakGuard { return "the leak guard for \(prefix) stands" }
    return "interface \(name) has " + (hasAddress ? "its address and route" : "no address")
  }

  private var notices: [InterfaceNotice] {
    var notices: [InterfaceNotice] = []
    func add(_ isDue: Bool, _ level: LogLevel, _ text: String) {
      if isDue { notices.append(InterfaceNotice(level, text)) }
    }
    add(losses.contains(.messages), .info, "messages of the kernel were lost: checking \(name) and the leak guard")
    add(!isUp && reportedUp, .warning, "interface \(name) was set down: waiting until it is set up again")
    add(
      losses.contains(.link), .notice,
      "interface \(name) was set up again" + (hasAddress ? ": restoring its address and route" : ""))
    add(mtu != reportedMTU, .notice, "the MTU of interface \(name) was set to \(mtu)")
    add(losses.contains(.address), .warning, "the address of interface \(name) was removed: restoring it")
    add(losses.contains(.bareness), .notice, "interface \(name) got a link-local address: removing it")
    add(
      losses.isDisjoint(with: [.address, .link]) && losses.contains(.prefixRoute), .warning,
      "the route to \(prefix) through \(name) was removed: restoring it")
    add(
      losses.isDisjoint(with: [.link]) && losses.contains(.route), .warning,
      "a route through \(name) to what is behind a peer was removed: restoring it")
    add(losses.contains(.bridge), .notice, "interface \(name) is a bridge's port: asking it for all multicast")
    add(
      losses.contains(.bridge) && hasAddress, .warning,
      "the addresses of \(name) are out of use in a bridge: give them to the bridge, and \(name) none (--no-address)")
    return notices
  }

  private var guardNotices: [InterfaceNotice] {
    var notices: [InterfaceNotice] = []
    if guardLosses.contains(.leakGuard) {
      notices.append(InterfaceNotice(.warning, "the leak guard for \(prefix) was removed: restoring it"))
    }
    if guardLosses.contains(.loopback) {
      notices.append(InterfaceNotice(.info, "lo was set up: checking the leak guard for \(prefix)"))
    }
    return notices
  }
}
