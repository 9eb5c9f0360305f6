import CLinux
import Glibc

/// Landlock (landlock(7)).
extension SystemCall {
  /// The version that the kernel has; `nil` for none.
  static var landlockVersion: Int32? {
    let version = oncilla_landlock_version()
    return version > 0 ? version : nil
  }

  /// A set of rules that denies these accesses.
  static func landlockRules(files: UInt64, ports: UInt64) throws(SystemError) -> FileDescriptor {
    try FileDescriptor("landlock_create_ruleset") { oncilla_landlock_create(files, ports) }
  }

  /// Allows accesses to a port of TCP.
  static func landlockAllow(_ access: UInt64, port: UInt16, in rules: Int32) throws(SystemError) {
    try perform("landlock_add_rule") { oncilla_landlock_allow_port(rules, port, access) }
  }

  /// Puts the calling thread, and those that it begins, under the rules for good. The process gains no rights any more.
  static func landlockRestrict(by rules: Int32) throws(SystemError) {
    try perform("landlock_restrict_self") { oncilla_landlock_restrict(rules) }
  }
}
