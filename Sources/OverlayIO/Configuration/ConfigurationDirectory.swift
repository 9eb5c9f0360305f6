import Glibc

/// The directories of configuration files, which the program makes where they are missing.
enum ConfigurationDirectory {
  private static let ofPeers = "peers.d"
  // Whatever the directory above it allows: nobody but the owner may write, and names are nobody's in particular.
  private static let modes: mode_t = 0o2755

  /// Makes the directory at an absolute path, and those that it is in. A new one has the group and the mode of that
  /// which it is in: below the package's `/etc/oncilla`, which the group `oncilla` alone may read, so may an
  /// instance's. As in the package, members of the group may write in a new `peers.d`, where 'peer add --save' does.
  static func make(_ path: String) throws(SystemError) {
    var parent = "/"
    for part in path.split(separator: "/") {
      let directory = parent == "/" ? "/\(part)" : "\(parent)/\(part)"
      if try SystemCall.makeDirectory(directory, mode: 0o700) {
        let model = try SystemCall.status(at: parent)
        let made = try SystemCall.open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        if model.st_gid != SystemCall.group {
          try SystemCall.setGroup(of: made.number, model.st_gid, path: directory)
        }
        let isForGroup = part == ofPeers && model.st_gid != 0 && model.st_mode & S_IXGRP != 0
        let mode = model.st_mode & modes | (isForGroup ? 0o2070 : 0)
        try SystemCall.setMode(of: made.number, mode, path: directory)
      }
      parent = directory
    }
  }
}
