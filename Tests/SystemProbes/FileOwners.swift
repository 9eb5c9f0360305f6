import Glibc

@testable import OverlayIO

/// Sets who may use the file at `path`.
package func setMode(_ mode: mode_t, of path: String) throws {
  try SystemCall.perform("chmod \(path)") { chmod(path, mode) }
}

/// Gives the file at `path` to a group.
package func setGroup(_ group: gid_t, of path: String) throws {
  try SystemCall.perform("chown \(path)") { chown(path, uid_t.max, group) }
}
