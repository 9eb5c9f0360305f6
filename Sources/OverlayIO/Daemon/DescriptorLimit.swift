import Glibc

/// How many files the process may have open.
enum DescriptorLimit {
  /// What is kept for other things than circuits: the log, the device, listeners, netlink, watches, a probe.
  private static let reserve = 64
  /// More circuits than one host has use for.
  private static let most = 16_384

  /// Raises the limit as far as it goes; how many circuits it leaves room for, one at the least.
  static func raise() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 256 }
    if limit.rlim_cur < limit.rlim_max {
      limit.rlim_cur = limit.rlim_max
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
    return min(most, max(1, Int(clamping: limit.rlim_cur) - reserve))
  }
}
