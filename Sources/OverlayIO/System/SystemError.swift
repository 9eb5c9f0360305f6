import Glibc

/// A system call that failed: which one, on what, and the error number it left.
public struct SystemError: Error, Hashable, CustomStringConvertible {
  /// The call and, where it helps, its object: `open /dev/net/tun`.
  let call: String
  /// The kernel's error number, as `<errno.h>` names it.
  public let number: Int32

  /// An error of `call` with this number.
  public init(call: String, number: Int32) {
    self.call = call
    self.number = number
  }

  /// The C library's words for the number.
  var reason: String { String(cString: strerror(number)) }

  /// Whether something is there already.
  public var isExisting: Bool { number == EEXIST }

  /// Makes the error of a call that would have to replace what is there already.
  public static func existing(_ call: String) -> SystemError { SystemError(call: call, number: EEXIST) }

  /// Whether this host lacks something that it will have again: descriptors, memory, or room in a queue.
  var isShortage: Bool { [EMFILE, ENFILE, ENOMEM, ENOBUFS, EAGAIN].contains(number) }

  /// Whether a right is missing.
  public var isDenied: Bool { number == EACCES || number == EPERM }

  /// The call and why it failed.
  public var description: String { "\(call): \(reason)" }
}
