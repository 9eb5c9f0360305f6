import OverlayCore

/// The limit of open files of the process.
enum DescriptorLimit {
  /// The number of files that are reserved for the log, the device, netlink, watches, a probe, files that are read, and
  /// those that the process inherited.
  private static let others = 64
  /// More circuits than one host needs.
  private static let most = 16_384
  /// The limit that is assumed if the system does not tell it.
  private static let unknown = 512

  /// Raises the limit as far as permitted. It returns the number of circuits that it leaves room for beside the
  /// listeners of `identities`.
  static func raise(for identities: [DaemonSettings.Identity]) -> Int { circuits(of: raise(), for: identities) }

  /// Raises the limit as far as permitted, and returns it.
  static func raise() -> Int {
    guard var limit = try? SystemCall.descriptorLimit() else { return unknown }
    if limit.rlim_cur < limit.rlim_max {
      let before = limit
      limit.rlim_cur = limit.rlim_max
      // If it may not be raised, it stays as it was.
      do throws(SystemError) { try SystemCall.setDescriptorLimit(limit) } catch { limit = before }
    }
    return Int(clamping: limit.rlim_cur)
  }

  /// Returns the greatest number of calls that wait to be sorted under a limit of so many files: an eighth of it, at
  /// least 64 and at most 1,024.
  static func calls(of limit: Int) -> Int { min(1_024, max(64, limit / 8)) }

  /// Returns the number of circuits that a limit of so many files leaves room for, at least one. Each address needs a
  /// listener and a timer for it, each identity two files and a claim, and shared listeners the calls that wait to be
  /// sorted.
  static func circuits(of limit: Int, for identities: [DaemonSettings.Identity]) -> Int {
    let addresses = identities.flatMap(\.listen)
    let listeners = Set(addresses).count
    let calls = listeners < addresses.count ? self.calls(of: limit) : 0
    let lookups = identities.count { $0.lookupListen != nil }
    return min(most, max(1, limit - others - 2 * (listeners + lookups) - 3 * identities.count - calls))
  }
}
