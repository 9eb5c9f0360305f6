/// The answer to a request that was fulfilled.
public enum PrivilegedReply: ~Copyable {
  /// It is done.
  case done
  /// The leak guard's state after `installLeakGuard`.
  case leakGuard(LeakGuardState)
  /// The answer to `openTunnel`.
  case tunnel(TunnelDevice)
  /// The answer to `openMonitor`.
  case monitor(InterfaceMonitor)
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
    self == .loopbackDown
      ? "there is no leak guard while interface lo is down: set it up with 'ip link set lo up'" : nil
  }
}

/// The requests whose answer is more than that it is done, with that answer unpacked.
extension Privileges {
  /// Performs `installLeakGuard`.
  public mutating func installLeakGuard() throws(PrivilegeError) -> LeakGuardState {
    let reply = try perform(.installLeakGuard)
    switch consume reply {
    case .leakGuard(let state): return state
    default: throw .outOfOrder(.installLeakGuard)
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
