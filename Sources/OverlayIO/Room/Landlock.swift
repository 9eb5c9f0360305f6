import Glibc

/// What a process without rights may open by itself, as Landlock (landlock(7)) has it: no file at all, and over TCP the
/// numbers of its ports of Tor's alone, at whichever address. Every file it asks the helper for, so that whoever takes
/// it over finds no more than the helper gives.
struct Landlock: ~Copyable {
  // All of LANDLOCK_ACCESS_FS_… that a version knows: the first has 13 of them, and each of these one more.
  private static func allFileAccess(of version: Int32) -> UInt64 {
    (1 << (13 + UInt64([2, 3, 5].count { $0 <= version }))) - 1
  }

  // LANDLOCK_ACCESS_NET_CONNECT_TCP, which its fourth version brought.
  private static let connect: UInt64 = 1 << 1
  private static let versionWithPorts: Int32 = 4

  // `nil` where there is no Landlock.
  private let rules: FileDescriptor?
  /// What the kernel does not give of it, in words.
  let missing: [String]

  /// Makes the rules for a process that connects to these ports.
  init(connectingTo ports: [UInt16]) throws(SystemError) {
    guard let version = SystemCall.landlockVersion else {
      rules = nil
      missing = ["rules for files and ports (Landlock)"]
      return
    }
    let hasPorts = version >= Landlock.versionWithPorts
    let rules = try SystemCall.landlockRules(
      files: Landlock.allFileAccess(of: version), ports: hasPorts ? Landlock.connect : 0)
    if hasPorts {
      for port in ports { try SystemCall.landlockAllow(Landlock.connect, port: port, in: rules.number) }
    }
    self.rules = consume rules
    missing = hasPorts ? [] : ["rules for ports (Landlock 4)"]
  }

  /// Puts the process, which has one thread, under these rules for good.
  consuming func enforce() throws(SystemError) {
    guard let rules = consume rules else { return }
    try SystemCall.landlockRestrict(by: rules.number)
  }
}
