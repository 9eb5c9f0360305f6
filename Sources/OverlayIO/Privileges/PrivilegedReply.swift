import OverlayCore

/// The answer to a request that was fulfilled.
public enum PrivilegedReply: ~Copyable {
  /// It is done.
  case done
  /// What there is after `installLeakGuard` and `setPrefixes`.
  case leakGuard(LeakGuardReport)
  /// The answer to `lookForLeakGuards`.
  case guardedPrefixes([IPPrefix])
  /// The answer to `lookForSourceAddress`: a line for the operator, if something is missing.
  case missingSourceAddress(String?)
  /// The answer to `openTunnel`.
  case tunnel(TunnelDevice)
  /// The answer to `openMonitor`.
  case monitor(InterfaceMonitor)
}

/// What became of the wish for a leak guard, and what others do that makes it of little use.
public struct LeakGuardReport: Equatable, Sendable {
  /// What became of it.
  public var state: LeakGuardState
  /// Whether the kernel knows policy rules: without them another VPN's could not be there either.
  public var hasPolicyRules = true
  /// The priorities of policy rules, of others, that take packets for guarded prefixes elsewhere before ours are asked.
  public var overridingRules: Set<UInt32> = []
  /// The prefixes of routes, of others, that take packets for guarded prefixes elsewhere.
  public var overridingRoutes: Set<IPPrefix> = []
}

/// What became of the wish for a leak guard.
public enum LeakGuardState: Equatable, Sendable {
  /// The route was added.
  case installed
  /// The route of an earlier run was there.
  case adopted
  /// The route hangs on `lo`, and this kernel refuses it while `lo` is down: packets for the overlay can leave in the
  /// clear until `lo` is up and the request is made again.
  case loopbackDown

  /// What the operator has to know where there is no leak guard; `nil` where it stands.
  public var failure: String? {
    self == .loopbackDown ? PrivilegeError.loopbackDown.description : nil
  }
}

/// Who fulfils requests: `Privileges` in this process, or another process that has kept the rights for it.
public protocol PrivilegeKeeper: ~Copyable {
  /// Fulfils one request.
  mutating func perform(_ request: PrivilegedRequest) throws(PrivilegeError) -> PrivilegedReply
}

/// `Privileges` where several own them.
final class OwnPrivileges: PrivilegeKeeper {
  private var privileges: Privileges

  /// Opens what they need.
  init(_ settings: InterfaceSettings) throws(PrivilegeError) { privileges = try Privileges(settings) }

  /// Fulfils one request.
  func perform(_ request: PrivilegedRequest) throws(PrivilegeError) -> PrivilegedReply {
    try privileges.perform(request)
  }
}

/// The requests whose answer is more than that it is done, with that answer unpacked.
extension PrivilegeKeeper where Self: ~Copyable {
  /// Performs `installLeakGuard`.
  public mutating func installLeakGuard() throws(PrivilegeError) -> LeakGuardReport {
    let reply = try perform(.installLeakGuard)
    switch consume reply {
    case .leakGuard(let report): return report
    default: throw .outOfOrder(.installLeakGuard)
    }
  }

  /// Performs `setPrefixes`.
  public mutating func replacePrefixes(
    routes: [IPPrefix], served: [IPPrefix]
  ) throws(PrivilegeError) -> LeakGuardReport {
    let request = PrivilegedRequest.setPrefixes(routes: routes, served: served)
    let reply = try perform(request)
    switch consume reply {
    case .leakGuard(let report): return report
    default: throw .outOfOrder(request)
    }
  }

  /// Performs `lookForLeakGuards`.
  public mutating func lookForLeakGuards() throws(PrivilegeError) -> [IPPrefix] {
    let reply = try perform(.lookForLeakGuards)
    switch consume reply {
    case .guardedPrefixes(let prefixes): return prefixes
    default: throw .outOfOrder(.lookForLeakGuards)
    }
  }

  /// Performs `lookForSourceAddress`.
  public mutating func lookForSourceAddress() throws(PrivilegeError) -> String? {
    let reply = try perform(.lookForSourceAddress)
    switch consume reply {
    case .missingSourceAddress(let line): return line
    default: throw .outOfOrder(.lookForSourceAddress)
    }
  }

  /// Performs `openTunnel`.
  public mutating func openTunnel() throws(PrivilegeError) -> TunnelDevice {
    let reply = try perform(.openTunnel)
    switch consume reply {
    case .tunnel(let device): return device
    default: throw .outOfOrder(.openTunnel)
    }
  }

  /// Performs `openMonitor`.
  public mutating func openMonitor() throws(PrivilegeError) -> InterfaceMonitor {
    let reply = try perform(.openMonitor)
    switch consume reply {
    case .monitor(let monitor): return monitor
    default: throw .outOfOrder(.openMonitor)
    }
  }
}
