import Glibc

/// What the daemon may open by itself, as Landlock (landlock(7)) has it: its state directory, and over TCP Tor's ports
/// alone, at whichever address. Every other file it asks its helper for, so that whoever takes the daemon over finds no
/// more than the helper gives.
struct Landlock: ~Copyable {
  /// What the kernel denies where no rule allows it: `LANDLOCK_ACCESS_FS_…` of <linux/landlock.h>.
  struct FileAccess: OptionSet {
    let rawValue: UInt64
    static let execute = FileAccess(rawValue: 1 << 0)
    static let writeFile = FileAccess(rawValue: 1 << 1)
    static let readFile = FileAccess(rawValue: 1 << 2)
    static let readDirectory = FileAccess(rawValue: 1 << 3)
    static let removeFile = FileAccess(rawValue: 1 << 5)
    static let makeFile = FileAccess(rawValue: 1 << 8)
    static let truncate = FileAccess(rawValue: 1 << 14)

    /// Those that a kernel of a version knows.
    static func all(of version: Int32) -> FileAccess {
      // Its first version has 13 of them, and each of these one more.
      FileAccess(rawValue: (1 << (13 + UInt64([2, 3, 5].count { $0 <= version }))) - 1)
    }
  }

  // LANDLOCK_ACCESS_NET_CONNECT_TCP, which its fourth version brought.
  private static let connect: UInt64 = 1 << 1
  private static let versionWithPorts: Int32 = 4

  // `nil` where there is no Landlock.
  private let rules: FileDescriptor?
  /// What the kernel does not give of it, in words.
  let missing: [String]

  /// Makes the rules for a daemon with these settings, which is going to be `user` and may then be unable to find its
  /// state directory by its path.
  init(_ settings: DaemonSettings, serving user: uid_t?) throws(SystemError) {
    guard let version = SystemCall.landlockVersion else {
      rules = nil
      missing = ["rules for files and ports (Landlock)"]
      return
    }
    let access = FileAccess.all(of: version)
    let hasPorts = version >= Landlock.versionWithPorts
    let rules = try SystemCall.landlockRules(files: access.rawValue, ports: hasPorts ? Landlock.connect : 0)
    // Where the directory is missing nothing can be kept, which the daemon says when it tries to.
    if let path = settings.stateDirectory,
      let place = try? TrustedPath.open(path, O_DIRECTORY | SystemCall.placeFlag, serving: user)
    {
      let own: FileAccess = [.writeFile, .readFile, .readDirectory, .removeFile, .makeFile, .truncate]
      try SystemCall.landlockAllow(own.intersection(access).rawValue, beneath: place.number, in: rules.number)
    }
    if hasPorts {
      for port in [settings.socks, settings.torControl].compactMap({ $0?.port }) {
        try SystemCall.landlockAllow(Landlock.connect, port: port, in: rules.number)
      }
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
