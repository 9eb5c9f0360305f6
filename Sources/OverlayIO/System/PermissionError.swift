/// Why something failed, where the reason may be that this user lacks a right.
public protocol PermissionError: Error, CustomStringConvertible {
  /// Whether a right is missing.
  var isDenied: Bool { get }
}

extension SystemError: PermissionError {}
