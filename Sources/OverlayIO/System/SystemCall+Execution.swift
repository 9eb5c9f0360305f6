import CLinux
import Glibc

/// What a program is given that takes the place of this one.
extension SystemCall {
  /// Gives the process mounts of its own, which nobody outside sees; what is mounted outside is still seen here.
  static func separateMounts() throws(SystemError) {
    try perform("unshare CLONE_NEWNS") { oncilla_separate_mounts() }
  }

  /// Mounts a file system of this kind, which belongs to no device.
  static func mount(_ kind: String, at path: String) throws(SystemError) {
    try perform("mount \(path)") { oncilla_mount_virtual(kind, path) }
  }

  /// Mounts a directory over another, of which the files are still seen that it lacks. Nothing can be written there.
  static func mount(_ layer: String, over path: String) throws(SystemError) {
    try perform("mount \(path)") { oncilla_mount_layers("lowerdir=\(layer):\(path)", path) }
  }

  /// Takes what is mounted at `path` away, from names; what is open stays.
  static func unmount(_ path: String) throws(SystemError) {
    try perform("umount \(path)") { oncilla_unmount(path) }
  }

  /// Makes the process that of a user, for good: these groups, and none of the rights that root has.
  static func become(user: uid_t, group: gid_t, groups: [gid_t]) throws(SystemError) {
    try perform("setgroups") { Glibc.setgroups(groups.count, groups) }
    try perform("setgid") { Glibc.setgid(group) }
    try perform("setuid") { Glibc.setuid(user) }
  }

  /// Sets a variable of the environment; `nil` takes it away.
  static func setVariable(_ name: String, _ value: String?) throws(SystemError) {
    if let value {
      try perform("setenv \(name)") { Glibc.setenv(name, value, 1) }
    } else {
      try perform("unsetenv \(name)") { Glibc.unsetenv(name) }
    }
  }

  /// The names of the variables of the environment.
  static var variableNames: [String] {
    var names: [String] = []
    var entry = environ
    while let text = entry.pointee {
      names.append(String(cString: text).prefix { $0 != "=" }.description)
      entry += 1
    }
    return names
  }

  /// Puts a program in place of this one, which is looked for as a shell does. It returns the error alone.
  static func execute(_ command: [String]) -> SystemError {
    // A program inherits what is ignored, and would fail where others end quietly.
    _ = Glibc.signal(SIGPIPE, SIG_DFL)
    var bytes: [CChar] = []
    var starts: [Int] = []
    for argument in command {
      starts.append(bytes.count)
      bytes += argument.utf8CString
    }
    bytes.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      var arguments: [UnsafeMutablePointer<CChar>?] = starts.map { base + $0 } + [nil]
      _ = Glibc.execvp(base, &arguments)
    }
    return SystemError(call: command.first ?? "", number: errno)
  }
}
