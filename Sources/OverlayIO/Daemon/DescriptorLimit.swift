import OverlayCore

/// How many files the process may have open.
enum DescriptorLimit {
  /// What is kept for the log, the device, netlink, watches, a probe, files that are read, and what the process was
  /// handed.
  private static let others = 64
  /// More circuits than one host has use for.
  private static let most = 16_384
  /// What is taken for the limit where the system does not tell it.
  private static let unknown = 512

  /// Raises the limit as far as it goes; how many circuits it leaves room for beside the listeners of `identities`.
  static func raise(for identities: [DaemonSettings.Identity]) -> Int { circuits(of: raise(), for: identities) }

  /// Raises the limit as far as it goes; how many files it is.
  static func raise() -> Int {
    guard var limit = try? SystemCall.descriptorLimit() else { return unknown }
    if limit.rlim_cur < limit.rlim_max {
      let before = limit
      limit.rlim_cur = limit.rlim_max
      // Where it may not be raised, it is what it was.
      do throws(SystemError) { try SystemCall.setDescriptorLimit(limit) } catch { limit = before }
    }
    return Int(clamping: limit.rlim_cur)
  }

  /// How many calls may wait to be sorted under a limit of so many files: an eighth of it, 64 at least and 1,024 at the
  /// most.
  static func calls(of limit: Int) -> Int { min(1_024, max(64, limit / 8)) }

  /// How many circuits a limit of so many files leaves room for, one at the least: beside a listener for each address
  /// and, where identities share one, the calls that wait to be sorted, a timer for each listener, and two and a claim
  /// for each identity.
  static func circuits(of limit: Int, for identities: [DaemonSettings.Identity]) -> Int {
    let addresses = identities.flatMap(\.listen)
    let listeners = Set(addresses).count
    let calls = listeners < addresses.count ? self.calls(of: limit) : 0
    return min(most, max(1, limit - others - 2 * listeners - 3 * identities.count - calls))
  }
}
